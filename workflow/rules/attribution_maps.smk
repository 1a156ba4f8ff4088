# Attribution maps of a few images, for the figure: no metric is computed from them (Sec. 4.4).

MAPS = config["attribution_maps"]


rule measure_attribution_maps:
    input:
        **{
            variant: f"{RESULTS}/{DATASET}/{MAPS['architecture']}-{variant}/model.safetensors"
            for variant in MAPS["variants"]
        },
        test=SPLITS["test"],
        code=code(
            "attribution_maps/measure",
            named=lambda wildcards: [
                architecture(MAPS["architecture"]).builder,
                *functions("attribution_maps"),
            ],
        ),
    output:
        f"{RESULTS}/{DATASET}/attribution_maps.safetensors",
    log:
        f"{LOGS}/measure_attribution_maps.log",
    benchmark:
        f"{BENCHMARKS}/measure_attribution_maps.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("gradient", MAPS["n_images"], MAPS["n_steps"] * len(MAPS["alphas"]), batch_size=128),
    params:
        settings=part_of("attribution_maps", "n_images", "alphas"),
        methods={variant: calls("attribution_maps", variant) for variant in MAPS["variants"]},
        device=config["device"],
    script:
        "../scripts/attribution_maps/measure.py"


rule figure_attribution_maps:
    input:
        maps=rules.measure_attribution_maps.output[0],
        code=code("attribution_maps/figure"),
    output:
        **figure_outputs("attribution_maps", "Attribution maps"),
    log:
        f"{LOGS}/figure_attribution_maps.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/attribution_maps/figure.py"
