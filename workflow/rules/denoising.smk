# Dense outputs: denoisers with and without biases (Mohan et al. 2020). Without biases an output pixel
# is an effective filter times the image, which is its X-Gradient.
from experiments.denoising.config import DATASET as DENOISED
from experiments.denoising.names import BUILDER as DENOISER
from experiments.denoising.names import NETS as DENOISERS

DENOISING = config["denoising"]
DENOISING_SPLITS = idx_splits(DENOISED)
DENOISING_NET = f"{RESULTS}/{DENOISED}/denoising/{{net}}"
DENOISING_SEED = job_seed(config["seed"], "denoising")


rule train_denoising:
    input:
        train=DENOISING_SPLITS["train"],
        validation=DENOISING_SPLITS["validation"],
    output:
        model=f"{DENOISING_NET}/model.safetensors",
        history=report(
            f"{DENOISING_NET}/history.csv",
            caption="../report/denoising_history.rst",
            category="Training",
            labels={"data set": DENOISED, "net": "denoiser, {net}"},
        ),
    log:
        f"{LOGS}/train_denoising/{{net}}.log",
    benchmark:
        f"{BENCHMARKS}/train_denoising/{{net}}.tsv"
    wildcard_constraints:
        net="|".join(DENOISERS),
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "training",
                "n_images": image_count(DENOISED, "train"),
                "n_steps": DENOISING["training"]["epochs"],
                "batch_size": config["training"]["settings"]["batch_size"],
                "pixels": 28**2,
            }
        ),
    params:
        code=code("denoising/train", named=lambda wildcards: [DENOISER]),
        builder=DENOISER,
        arguments=lambda wildcards: {
            "bias": wildcards.net == "with_biases",
            **DENOISING["net"],
        },
        trained_up_to=DENOISING["trained_up_to"],
        settings=settings_of_training(DENOISING["training"]),
        workers=untracked(config["training"]["settings"]["workers"]),
        checkpoint=lambda wildcards, output: next_to(output.model, "training.ckpt"),
        checkpoint_minutes=untracked(config["training"]["checkpoint_minutes"]),
        # The same images with the same noise, in the same order, for both nets.
        seed=DENOISING_SEED,
        device=config["device"],
    script:
        "../scripts/denoising/train.py"


rule measure_denoising:
    input:
        model=rules.train_denoising.output.model,
        test=DENOISING_SPLITS["test"],
    output:
        restored=f"{DENOISING_NET}/restored.csv",
        filters=f"{DENOISING_NET}/filters.csv",
        drawings=f"{DENOISING_NET}/drawings.safetensors",
        facts=f"{DENOISING_NET}/denoising.json",
    log:
        f"{LOGS}/measure_denoising/{{net}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_denoising/{{net}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "gradient",
                "n_images": len(DENOISING["noise"])
                * (
                    image_count(DENOISED, "test", DENOISING["n_images"])
                    + DENOISING["n_explained"] * DENOISING["n_pixels"] * DENOISING["n_steps"]
                ),
                "n_steps": 2 + len(DENOISING["factors"]),
                "batch_size": DENOISING["batch_size"],
                "pixels": 28**2,
            }
        ),
    params:
        **part_of("denoising", "n_images", "batch_size", "n_explained"),
        code=code("denoising/measure", named=lambda wildcards: [DENOISER]),
        settings=part_of("denoising", "noise", "factors", "n_pixels", "n_steps", "shown"),
        homogeneous=lambda wildcards: wildcards.net == "bias_free",
        seed=DENOISING_SEED,
        device=config["device"],
    script:
        "../scripts/denoising/measure.py"


rule summarise_denoising:
    input:
        restored=expand(rules.measure_denoising.output.restored, net=DENOISERS),
        filters=expand(rules.measure_denoising.output.filters, net=DENOISERS),
    output:
        csv=csv_output("denoising", "Denoising"),
    log:
        f"{LOGS}/summarise_denoising.log",
    group:
        "denoising"
    conda:
        ENVIRONMENT
    params:
        code=code("denoising/summarise"),
        nets=list(DENOISERS),
        trained_up_to=DENOISING["trained_up_to"],
    script:
        "../scripts/denoising/summarise.py"


rule table_denoising:
    input:
        table=rules.summarise_denoising.output.csv,
        facts=expand(rules.measure_denoising.output.facts, net=DENOISERS),
        claims=CLAIMS,
        notebook=notebook("denoising"),
    output:
        **notebook_outputs("denoising", "Denoising"),
    log:
        f"{LOGS}/table_denoising.log",
    group:
        "denoising"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="denoising"),
    script:
        "../scripts/run_notebook.py"


rule figure_denoising:
    input:
        table=rules.summarise_denoising.output.csv,
        drawings=expand(rules.measure_denoising.output.drawings, net=DENOISERS),
    output:
        **figure_outputs("denoising", "Denoising"),
    log:
        f"{LOGS}/figure_denoising.log",
    group:
        "denoising"
    conda:
        ENVIRONMENT
    params:
        **part_of("denoising", "shown", "trained_up_to"),
        code=code("denoising/figure"),
        nets=list(DENOISERS),
        # An output pixel sees one pixel more in each direction with every layer.
        reach=DENOISING["net"]["layers"],
    script:
        "../scripts/denoising/figure.py"
