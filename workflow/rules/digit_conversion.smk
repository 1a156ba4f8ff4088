# Digit conversion on MNIST (Shrikumar et al. 2017, Sec. 4.1).

DIGITS = config["digit_conversion"]
DIGIT_SPLITS = idx_splits("mnist")
DIGIT_BUILDER = architecture("digit_convnet").builder
# `weights` is trained (by this workflow) or published (released by the authors).
DIGIT_NET = f"{RESULTS}/mnist/digit_convnet-{{weights}}"
TRAINED_DIGIT_NET = f"{RESULTS}/mnist/digit_convnet-trained"
PUBLISHED_DIGIT_NET = f"{RESULTS}/mnist/digit_convnet-published"


rule train_digit_conversion:
    input:
        train=DIGIT_SPLITS["train"],
        validation=DIGIT_SPLITS["validation"],
    output:
        regular=f"{TRAINED_DIGIT_NET}/regular.safetensors",
        x=f"{TRAINED_DIGIT_NET}/x.safetensors",
        history=history_output(
            f"{TRAINED_DIGIT_NET}/history.csv",
            "digit_conversion_history",
            {"architecture": "digit conversion", "variant": "regular, then x"},
            {f"{TRAINED_DIGIT_NET}/history.csv": {}} if "trained" in DIGITS["weights"] else {},
        ),
    log:
        f"{LOGS}/train_digit_conversion.log",
    benchmark:
        f"{BENCHMARKS}/train_digit_conversion.tsv"
    # The conversion, the table and the figures wait for this job.
    priority: 45
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "training",
                "n_images": image_count("mnist", "train"),
                "n_steps": DIGITS["training"]["epochs"] + DIGITS["x"]["epochs"],
                "batch_size": DIGITS["training"]["batch_size"],
                "pixels": 28**2,
            }
        ),
    params:
        code=code("digit_conversion/train", named=builder_of("digit_convnet")),
        builder=DIGIT_BUILDER,
        settings={"regular": DIGITS["training"], "x": DIGITS["x"]},
        seed=job_seed(config["seed"], "train", "digit_convnet"),
        device=config["device"],
    script:
        "../scripts/digit_conversion/train.py"


rule read_published_digit_conversion:
    input:
        fetched=f"{RESULTS}/deeplift_mnist/fetched.json",
        dataset=ancient(dataset_file("deeplift_mnist")),
    output:
        regular=f"{PUBLISHED_DIGIT_NET}/regular.safetensors",
        x=f"{PUBLISHED_DIGIT_NET}/x.safetensors",
    log:
        f"{LOGS}/read_published_digit_conversion.log",
    conda:
        ENVIRONMENT
    params:
        code=code("digit_conversion/read_published", named=builder_of("digit_convnet")),
        builder=DIGIT_BUILDER,
        data=untracked(config["data"]),
        digests=digests_of("deeplift_mnist"),
    script:
        "../scripts/digit_conversion/read_published.py"


rule measure_digit_conversion:
    input:
        regular=f"{DIGIT_NET}/regular.safetensors",
        x=f"{DIGIT_NET}/x.safetensors",
        test=DIGIT_SPLITS["test"],
    output:
        accuracy=f"{DIGIT_NET}/accuracy.csv",
        table=f"{DIGIT_NET}/conversion.csv",
        facts=f"{DIGIT_NET}/conversion.json",
        example=f"{DIGIT_NET}/example.safetensors",
    log:
        f"{LOGS}/measure_digit_conversion/{{weights}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_digit_conversion/{{weights}}.tsv"
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "gradient",
                "n_images": image_count("mnist", "test", DIGITS["n_images"]),
                "n_steps": 20 * len(DIGITS["tasks"]),
                "batch_size": DIGITS["batch_size"],
                "pixels": 28**2,
            }
        ),
    params:
        code=code(
            "digit_conversion/measure",
            named=lambda wildcards: [DIGIT_BUILDER, *functions("digit_conversion")],
        ),
        methods=calls("digit_conversion"),
        settings={
            **part_of(
                "digit_conversion", "tasks", "erasing", "n_pixels", "n_images", "batch_size"
            ),
            # Which net is shown is a matter of the figure.
            "example": {
                name: value for name, value in DIGITS["example"].items() if name != "weights"
            },
        },
        device=config["device"],
    script:
        "../scripts/digit_conversion/measure.py"


rule summarise_digit_conversion:
    input:
        conversions=expand(rules.measure_digit_conversion.output.table, weights=DIGITS["weights"]),
        accuracy=expand(rules.measure_digit_conversion.output.accuracy, weights=DIGITS["weights"]),
    output:
        csv=csv_output("digit_conversion", "Digit conversion"),
        top10=csv_output("digit_conversion", "Digit conversion, ten highest scores", part="top10"),
        accuracy=csv_output("digit_conversion", "Digit conversion, accuracy", part="accuracy"),
    log:
        f"{LOGS}/summarise_digit_conversion.log",
    group:
        "digit_conversion"
    conda:
        ENVIRONMENT
    params:
        code=code("digit_conversion/summarise"),
    script:
        "../scripts/digit_conversion/summarise.py"


rule table_digit_conversion:
    input:
        table=rules.summarise_digit_conversion.output.csv,
        top10=rules.summarise_digit_conversion.output.top10,
        accuracy=rules.summarise_digit_conversion.output.accuracy,
        conversions=expand(rules.measure_digit_conversion.output.table, weights=DIGITS["weights"]),
        facts=expand(rules.measure_digit_conversion.output.facts, weights=DIGITS["weights"]),
        published=published("deeplift_mnist_boxplot_digitised"),
        published_top10=published("deeplift_mnist_top10_8to3"),
        claims=CLAIMS,
        notebook=notebook("digit_conversion"),
    output:
        **notebook_outputs("digit_conversion", "Digit conversion"),
    log:
        f"{LOGS}/table_digit_conversion.log",
    group:
        "digit_conversion"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="digit_conversion"),
    script:
        "../scripts/run_notebook.py"


# Two figures in one job: starting a job takes longer than drawing one of them.
rule figure_digit_conversion:
    input:
        conversions=expand(rules.measure_digit_conversion.output.table, weights=DIGITS["weights"]),
        example=expand(
            rules.measure_digit_conversion.output.example, weights=DIGITS["example"]["weights"]
        )[0],
        published=published("deeplift_mnist_boxplot_digitised"),
    output:
        **figure_outputs("digit_conversion", "Digit conversion"),
        **figure_outputs("digit_conversion", "Digit conversion of one image", part="example"),
    log:
        f"{LOGS}/figure_digit_conversion.log",
    group:
        "digit_conversion"
    conda:
        ENVIRONMENT
    params:
        code=code("digit_conversion/figure"),
    script:
        "../scripts/digit_conversion/figure.py"
