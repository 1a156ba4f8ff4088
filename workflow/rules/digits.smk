# Digit conversion on MNIST (Shrikumar et al. 2017, Sec. 4.1).

DIGITS = config["digit_conversion"]
DIGIT_SPLITS = splits("mnist")
# `weights` is trained (here) or published (released by the authors).
DIGIT_NET = f"{RESULTS}/mnist/digit_convnet-{{weights}}"
DIGIT_TABLE_CODE = [os.path.normpath(f"{BASE}/workflow/common/digit_scores.py")]


# Both nets in one job: the regular one and, made from it, its X-DNN.
rule make_digit_convnet:
    input:
        released=digit_weights,
        train=DIGIT_SPLITS["train"],
        validation=DIGIT_SPLITS["validation"],
        test=DIGIT_SPLITS["test"],
        table=ancient(DATASET_TABLE),
        code=code(
            "digits/network.py",
            "keras_weights.py",
            "training.py",
            "evaluation.py",
            "homogeneous.py",
            "data/tensors.py",
        ),
    output:
        regular=f"{DIGIT_NET}/regular.safetensors",
        x=f"{DIGIT_NET}/x.safetensors",
        accuracy=f"{DIGIT_NET}/accuracy.csv",
        facts=f"{DIGIT_NET}/accuracy.json",
        history=report(
            f"{DIGIT_NET}/history.csv",
            caption="../report/digit_history.rst",
            category="Training",
            labels={"architecture": "digit conversion", "variant": "{weights}"},
        ),
    params:
        training=DIGITS["training"],
        x=DIGITS["x"],
        data=config["data"],
        digests={file.name: file.digest for file in EXTERNAL["deeplift_mnist"].files},
        seed=seed("digit_convnet"),
        device=config["device"],
    wildcard_constraints:
        weights="trained|published",
    log:
        f"{LOGS}/make_digit_convnet/{{weights}}.log",
    benchmark:
        f"{BENCHMARKS}/make_digit_convnet/{{weights}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    # A long chain: the conversion, the table and the figures wait for it.
    priority: 45
    resources:
        gpu=GPU,
    script:
        "../scripts/make_digit_convnet.py"


rule convert_digits:
    input:
        regular=rules.make_digit_convnet.output.regular,
        x=rules.make_digit_convnet.output.x,
        test=DIGIT_SPLITS["test"],
        code=ATTRIBUTION_CODE
        + DEEPLIFT_CODE
        + code("digits/conversion.py", "digits/network.py", "data/tensors.py")
        + [os.path.normpath(f"{BASE}/workflow/common/digits.py")],
    output:
        table=f"{DIGIT_NET}/conversion.csv",
        facts=f"{DIGIT_NET}/conversion.json",
        example=f"{DIGIT_NET}/example.safetensors",
    params:
        settings=digit_settings(
            "tasks",
            "methods",
            "erasing",
            "n_pixels",
            "n_images",
            "batch_size",
            "example",
        ),
        device=config["device"],
    wildcard_constraints:
        weights="trained|published",
    log:
        f"{LOGS}/convert_digits/{{weights}}.log",
    benchmark:
        f"{BENCHMARKS}/convert_digits/{{weights}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    priority: 40
    resources:
        gpu=GPU,
    script:
        "../scripts/convert_digits.py"
