# Digit conversion on MNIST (Shrikumar et al. 2017, Sec. 4.1).

DIGITS = config["digit_conversion"]
DIGIT_SPLITS = splits("mnist")
# `weights` is trained (here) or published (released by the authors).
DIGIT_NET = f"{RESULTS}/mnist/digit_convnet-{{weights}}"


rule train_digit_convnet:
    input:
        train=DIGIT_SPLITS["train"],
        validation=DIGIT_SPLITS["validation"],
        code=code("train_digit_convnet"),
    output:
        regular=f"{RESULTS}/mnist/digit_convnet-trained/regular.safetensors",
        x=f"{RESULTS}/mnist/digit_convnet-trained/x.safetensors",
        history=report(
            f"{RESULTS}/mnist/digit_convnet-trained/history.csv",
            caption="../report/digit_history.rst",
            category="Training",
            labels={"architecture": "digit conversion", "variant": "regular, then x"},
        ),
    params:
        regular=DIGITS["training"],
        x=DIGITS["x"],
        seed=job_seed(config["seed"], "train", "digit_convnet"),
        device=config["device"],
    log:
        f"{LOGS}/train_digit_convnet.log",
    benchmark:
        f"{BENCHMARKS}/train_digit_convnet.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    # A long chain: the conversion, the table and the figures wait for it.
    priority: 45
    resources:
        gpu=GPU,
    script:
        "../scripts/train_digit_convnet.py"


rule read_digit_weights:
    input:
        # Only its existence matters: the digests are checked again when the files are read.
        fetched=ancient(f"{RESULTS}/deeplift_mnist/fetched.json"),
        dataset=ancient(f"{DATASETS}/deeplift_mnist.yaml"),
        code=code("read_digit_weights"),
    output:
        regular=f"{RESULTS}/mnist/digit_convnet-published/regular.safetensors",
        x=f"{RESULTS}/mnist/digit_convnet-published/x.safetensors",
    params:
        data=config["data"],
        digests=digests_of("deeplift_mnist"),
    log:
        f"{LOGS}/read_digit_weights.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/read_digit_weights.py"


rule convert_digits:
    input:
        regular=f"{DIGIT_NET}/regular.safetensors",
        x=f"{DIGIT_NET}/x.safetensors",
        test=DIGIT_SPLITS["test"],
        code=code("convert_digits"),
    output:
        accuracy=f"{DIGIT_NET}/accuracy.csv",
        table=f"{DIGIT_NET}/conversion.csv",
        facts=f"{DIGIT_NET}/conversion.json",
        example=f"{DIGIT_NET}/example.safetensors",
    params:
        settings=part_of(
            "digit_conversion",
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
