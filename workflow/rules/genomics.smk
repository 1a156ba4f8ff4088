# Simulated genomics (DeepLIFT: Shrikumar et al. 2017, Sec. 4.2): does an attribution find the
# motifs that decide? Everything of one net is in one folder: `trained` is trained here on sequences
# simulated here; `published` is the authors' released net with their test sequences.

GENOMICS = config["genomics"]
GENOMICS_NET = f"{RESULTS}/genomics/{{weights}}"
TRAINED_GENOMICS = f"{RESULTS}/genomics/trained"
PUBLISHED_GENOMICS = f"{RESULTS}/genomics/published"
MOTIFS = [published("pwm_GATA_disc1"), published("pwm_TAL1_known1")]


wildcard_constraints:
    weights="trained|published",


rule simulate_genomics:
    input:
        motifs=MOTIFS,
        code=code("simulate_genomics"),
    output:
        f"{TRAINED_GENOMICS}/sequences.safetensors",
    params:
        settings=part_of(
            "genomics",
            "n_per_class", "length", "background", "validation_sequences", "test_sequences"
        ),
        seed=seed("simulate_genomics"),
    log:
        f"{LOGS}/simulate_genomics.log",
    benchmark:
        f"{BENCHMARKS}/simulate_genomics.tsv"
    conda:
        ENVIRONMENT
    # Before a long training.
    priority: 50
    script:
        "../scripts/simulate_genomics.py"


rule train_genomics:
    input:
        sequences=rules.simulate_genomics.output[0],
        code=code("train_genomics"),
    output:
        model=f"{TRAINED_GENOMICS}/model.safetensors",
        history=report(
            f"{TRAINED_GENOMICS}/history.csv",
            caption="../report/genomics_history.rst",
            category="Training",
            labels={"architecture": "genomics", "variant": "regular"},
        ),
    params:
        settings=GENOMICS["training"],
        seed=seed("train_genomics"),
        device=config["device"],
    log:
        f"{LOGS}/train_genomics.log",
    benchmark:
        f"{BENCHMARKS}/train_genomics.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    priority: 50
    resources:
        gpu=GPU,
    script:
        "../scripts/train_genomics.py"


rule convert_genomics:
    input:
        # Only its existence matters: the digests are checked again when the files are read.
        fetched=ancient(f"{RESULTS}/deeplift_genomics/fetched.json"),
        dataset=ancient(f"{DATASETS}/deeplift_genomics.yaml"),
        code=code("convert_genomics"),
    output:
        sequences=f"{PUBLISHED_GENOMICS}/sequences.safetensors",
        model=f"{PUBLISHED_GENOMICS}/model.safetensors",
    params:
        data=config["data"],
        digests=digests_of("deeplift_genomics"),
    log:
        f"{LOGS}/convert_genomics.log",
    benchmark:
        f"{BENCHMARKS}/convert_genomics.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/convert_genomics.py"


rule measure_genomics:
    input:
        model=f"{GENOMICS_NET}/model.safetensors",
        sequences=f"{GENOMICS_NET}/sequences.safetensors",
        motifs=MOTIFS,
        code=code("measure_genomics"),
    output:
        table=f"{GENOMICS_NET}/false_negatives.csv",
        hits=f"{GENOMICS_NET}/hits.csv",
        auroc=f"{GENOMICS_NET}/auroc.csv",
        importance=f"{GENOMICS_NET}/importance.safetensors",
        facts=f"{GENOMICS_NET}/genomics.json",
    params:
        settings=part_of("genomics", "background", "methods", "n_hits", "strong"),
        # Not of the net: the references are shuffled alike.
        seed=job_seed(config["seed"], "measure_genomics"),
        device=config["device"],
    log:
        f"{LOGS}/measure_genomics/{{weights}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_genomics/{{weights}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        gpu=GPU,
    script:
        "../scripts/measure_genomics.py"
