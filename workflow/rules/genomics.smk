# Simulated genomics (DeepLIFT: Shrikumar et al. 2017, Sec. 4.2): does an attribution find the
# motifs that decide? Everything of one net is in one folder: `trained` is the net trained by
# this workflow on simulated sequences; `published` is the authors' net with their test sequences.

GENOMICS = config["genomics"]
GENOMICS_BUILDER = architecture("genomics_convnet").builder
GENOMICS_NET = f"{RESULTS}/genomics/{{weights}}"
TRAINED_GENOMICS = f"{RESULTS}/genomics/trained"
PUBLISHED_GENOMICS = f"{RESULTS}/genomics/published"
# A sequence of four bases per position costs no more than an image with as many pixels.
SITES = 4 * GENOMICS["length"]
MOTIFS = [published("pwm_GATA_disc1"), published("pwm_TAL1_known1")]


rule simulate_genomics:
    input:
        motifs=MOTIFS,
    output:
        f"{TRAINED_GENOMICS}/sequences.safetensors",
    log:
        f"{LOGS}/simulate_genomics.log",
    benchmark:
        f"{BENCHMARKS}/simulate_genomics.tsv"
    # A long training waits for this job.
    priority: 50
    conda:
        ENVIRONMENT
    params:
        code=code("genomics/simulate"),
        settings=part_of(
            "genomics",
            "n_per_class",
            "length",
            "background",
            "validation_sequences",
            "test_sequences",
        ),
        seed=seed("simulate_genomics"),
    script:
        "../scripts/genomics/simulate.py"


rule train_genomics:
    input:
        sequences=rules.simulate_genomics.output[0],
    output:
        model=f"{TRAINED_GENOMICS}/model.safetensors",
        history=history_output(
            f"{TRAINED_GENOMICS}/history.csv",
            "genomics_history",
            {"architecture": "genomics", "variant": "regular"},
            {f"{TRAINED_GENOMICS}/history.csv": {}} if "trained" in GENOMICS["weights"] else {},
        ),
    log:
        f"{LOGS}/train_genomics.log",
    benchmark:
        f"{BENCHMARKS}/train_genomics.tsv"
    priority: 50
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "training",
                "n_images": 4 * GENOMICS["n_per_class"],
                "n_steps": GENOMICS["training"]["epochs"],
                "batch_size": GENOMICS["training"]["batch_size"],
                "pixels": SITES,
            }
        ),
    params:
        code=code("genomics/train", named=builder_of("genomics_convnet")),
        builder=GENOMICS_BUILDER,
        settings=GENOMICS["training"],
        checkpoint=lambda wildcards, output: next_to(output.model, "training.ckpt"),
        seed=seed("train_genomics"),
        device=config["device"],
    script:
        "../scripts/genomics/train.py"


rule read_published_genomics:
    input:
        fetched=f"{RESULTS}/deeplift_genomics/fetched.json",
        dataset=ancient(dataset_file("deeplift_genomics")),
    output:
        sequences=f"{PUBLISHED_GENOMICS}/sequences.safetensors",
        model=f"{PUBLISHED_GENOMICS}/model.safetensors",
    log:
        f"{LOGS}/read_published_genomics.log",
    benchmark:
        f"{BENCHMARKS}/read_published_genomics.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code("genomics/read_published", named=builder_of("genomics_convnet")),
        builder=GENOMICS_BUILDER,
        data=untracked(config["data"]),
        digests=digests_of("deeplift_genomics"),
    script:
        "../scripts/genomics/read_published.py"


rule measure_genomics:
    input:
        model=f"{GENOMICS_NET}/model.safetensors",
        sequences=f"{GENOMICS_NET}/sequences.safetensors",
        motifs=MOTIFS,
    output:
        table=f"{GENOMICS_NET}/false_negatives.csv",
        hits=f"{GENOMICS_NET}/hits.csv",
        auroc=f"{GENOMICS_NET}/auroc.csv",
        importance=f"{GENOMICS_NET}/importance.safetensors",
        facts=f"{GENOMICS_NET}/genomics.json",
    log:
        f"{LOGS}/measure_genomics/{{weights}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_genomics/{{weights}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "gradient",
                "n_images": GENOMICS["test_sequences"],
                "n_steps": 200,
                "batch_size": 128,
                "pixels": SITES,
            }
        ),
    params:
        code=code(
            "genomics/measure",
            named=lambda wildcards: [GENOMICS_BUILDER, *functions("genomics")],
        ),
        methods=calls("genomics"),
        settings=part_of("genomics", "background", "n_hits", "strong"),
        # Independent of the net: the references are shuffled in the same way for all.
        seed=job_seed(config["seed"], "measure_genomics"),
        device=config["device"],
    script:
        "../scripts/genomics/measure.py"


rule summarise_genomics:
    input:
        csv=expand(rules.measure_genomics.output.table, weights=GENOMICS["weights"]),
        auroc=expand(rules.measure_genomics.output.auroc, weights=GENOMICS["weights"]),
    output:
        csv=csv_output("genomics", "Simulated genomics"),
        auroc=csv_output("genomics", "Simulated genomics, AUROC", part="auroc"),
    log:
        f"{LOGS}/summarise_genomics.log",
    group:
        "genomics"
    conda:
        ENVIRONMENT
    params:
        code=code("gather_measurements"),
    script:
        "../scripts/gather_measurements.py"


rule table_genomics:
    input:
        table=rules.summarise_genomics.output.csv,
        auroc=rules.summarise_genomics.output.auroc,
        facts=expand(rules.measure_genomics.output.facts, weights=GENOMICS["weights"]),
        published=published("deeplift_genomics_false_negatives_gata"),
        published_auroc=published("deeplift_genomics_auroc"),
        claims=CLAIMS,
        notebook=notebook("genomics"),
    output:
        **notebook_outputs("genomics", "Simulated genomics"),
    log:
        f"{LOGS}/table_genomics.log",
    group:
        "genomics"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="genomics"),
    script:
        "../scripts/run_notebook.py"


rule figure_genomics:
    input:
        hits=expand(rules.measure_genomics.output.hits, weights=GENOMICS["weights"]),
    output:
        **figure_outputs("genomics", "Importance of motif hits"),
    log:
        f"{LOGS}/figure_genomics.log",
    group:
        "genomics"
    conda:
        ENVIRONMENT
    params:
        code=code("genomics/figure"),
        strong=GENOMICS["strong"],
    script:
        "../scripts/genomics/figure.py"
