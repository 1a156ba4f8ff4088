# Attribution maps of a few images, for looking at: no metric is computed from these.

MAPS = config["attribution_maps"]


rule attribute_maps:
    input:
        models=expand(
            f"{RESULTS}/{DATASET}/{MAPS['architecture']}-{{variant}}/model.safetensors",
            variant=["regular", "x"],
        ),
        test=SPLITS["test"],
        code=code("attribute_maps"),
    output:
        f"{RESULTS}/{DATASET}/attribution_maps.safetensors",
    params:
        settings=MAPS,
        variants=["regular", "x"],
        device=config["device"],
    log:
        f"{LOGS}/attribute_maps.log",
    benchmark:
        f"{BENCHMARKS}/attribute_maps.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        gpu=GPU,
    script:
        "../scripts/attribute_maps.py"
