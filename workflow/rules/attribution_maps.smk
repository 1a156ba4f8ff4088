# Attribution maps of a few images, for the figures: no metric is computed from them (Sec. 4.4).


def map_variants(wildcards):
    return CONFIG.variants_of("attribution_maps", wildcards.network)


def map_methods(wildcards):
    return {
        variant: calls("attribution_maps", wildcards.network, variant)
        for variant in map_variants(wildcards)
    }


def map_models(wildcards):
    return {variant: model_of(wildcards.network, variant) for variant in map_variants(wildcards)}


def map_shards(wildcards):
    pattern = of_dataset(wildcards.network, "attribution_maps/{scatteritem}.safetensors")
    return gather.attribution_maps(pattern, allow_missing=True)


def attributing_maps(wildcards, settings, available):
    methods = [key for found in map_methods(wildcards).values() for key in found]
    return passes.attribution_maps(settings, methods)


rule measure_attribution_maps:
    input:
        unpack(map_models),
        images=test_images,
        code=code(
            "attribution_maps/measure",
            named=lambda wildcards: [
                *builder(wildcards),
                *functions("attribution_maps", wildcards.network),
            ],
        ),
    output:
        f"{RESULTS}/{{dataset}}/{{network}}-attribution_maps/{{scatteritem}}.safetensors",
    log:
        f"{LOGS}/measure_attribution_maps/{{dataset}}/{{network}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_attribution_maps/{{dataset}}/{{network}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("attribution_maps", attributing_maps)),
    params:
        settings=of_network("attribution_maps", "n_images", "alphas"),
        methods=map_methods,
        device=config["device"],
    script:
        "../scripts/attribution_maps/measure.py"


rule figure_attribution_maps:
    input:
        maps=map_shards,
        code=code("attribution_maps/figure"),
    output:
        **network_figure_outputs("attribution_maps", "Attribution maps"),
    log:
        f"{LOGS}/figure_attribution_maps/{{network}}.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/attribution_maps/figure.py"
