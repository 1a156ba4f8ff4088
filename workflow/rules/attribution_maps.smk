# Attribution maps of a few images, for the figures: no metric is computed from them (Sec. 4.4).
# All variants of a net in one job, and in one figure: by network, the methods of each.
MAPS = {
    network: {
        variant: calls("attribution_maps", network, variant)
        for variant in CONFIG.variants_of("attribution_maps", network)
    }
    for network in CONFIG.networks_of("attribution_maps")
}


rule measure_attribution_maps:
    input:
        unpack(
            lambda wildcards: {
                variant: model_of(wildcards.network, variant)
                for variant in MAPS[wildcards.network]
            }
        ),
        images=test_images,
    output:
        f"{RESULTS}/{{dataset}}/{{network}}-attribution_maps/{{scatteritem}}.safetensors",
    log:
        f"{LOGS}/measure_attribution_maps/{{dataset}}/{{network}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_attribution_maps/{{dataset}}/{{network}}-{{scatteritem}}.tsv"
    # One long job per net, which would run alone if it came last.
    priority: 10
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("attribution_maps", variant=lambda wildcards: MAPS[wildcards.network])),
    params:
        code=code(
            "attribution_maps/measure",
            named=lambda wildcards: [
                *builder(wildcards),
                *functions("attribution_maps", wildcards.network),
            ],
        ),
        settings=of_network("attribution_maps", "n_images", "alphas"),
        methods=lambda wildcards: MAPS[wildcards.network],
        # Every image has the same random draws, whatever the net and the shard.
        seed=job_seed(config["seed"], "attribution_maps"),
        device=config["device"],
    script:
        "../scripts/attribution_maps/measure.py"


rule figure_attribution_maps:
    input:
        maps=lambda wildcards: gather.attribution_maps(
            of_dataset(wildcards.network, "attribution_maps/{scatteritem}.safetensors"),
            allow_missing=True,
        ),
    output:
        **network_figure_outputs("attribution_maps", "Attribution maps"),
    log:
        f"{LOGS}/figure_attribution_maps/{{network}}.log",
    conda:
        ENVIRONMENT
    params:
        code=code("attribution_maps/figure"),
    script:
        "../scripts/attribution_maps/figure.py"
