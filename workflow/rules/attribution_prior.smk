# Training with attribution priors on tables of features (Sec. 4.3).
#
# The repetitions are spread over attribution_prior.shards jobs, or --set-scatter
# attribution_prior=N. The result does not depend on their number.

PRIORS = config["attribution_prior"]
PRIORS_FOLDER = f"{RESULTS}/attribution_prior"
# Training rows of a repetition, and features of the largest table: what a training costs.
ROWS, FEATURES = 100, 118


scattergather:
    attribution_prior=CONFIG.attribution_prior.shards_on(config["device"]),


# Does not use rule fetch_dataset, which fails if a file cannot be downloaded: here the configuration
# may name a fallback.
rule prepare_attribution_prior:
    input:
        dataset=ancient(dataset_file(PRIORS["dataset"])),
        fallback=[ancient(dataset_file(name)) for name in [PRIORS["fallback"]] if name is not None],
    output:
        table=f"{PRIORS_FOLDER}/table.csv",
        facts=f"{PRIORS_FOLDER}/table.json",
    log:
        f"{LOGS}/prepare_attribution_prior.log",
    # The trainings wait for it, and one of them takes longer than most jobs: not last, on one core.
    priority: 60
    localrule: True
    conda:
        ENVIRONMENT
    params:
        **part_of("attribution_prior", "dataset", "fallback"),
        code=code("attribution_prior/prepare"),
        data=untracked(config["data"]),
        # The files and how the tables are read: the job runs again if these change.
        datasets={
            name: {
                "digests": digests_of(name),
                # Only the configuration is checked against the number of rows.
                "mortality": CATALOGUE[name].mortality.model_dump(mode="json", exclude={"rows"}),
            }
            for name in (PRIORS["dataset"], PRIORS["fallback"])
            if name is not None
        },
    script:
        "../scripts/attribution_prior/prepare.py"


rule train_attribution_prior:
    input:
        table=rules.prepare_attribution_prior.output.table,
    output:
        # Kept: they are small, and a change of the bootstrap must not repeat the training.
        rows=f"{PRIORS_FOLDER}/shards/{{scatteritem}}.csv",
        facts=f"{PRIORS_FOLDER}/shards/{{scatteritem}}.json",
    log:
        f"{LOGS}/train_attribution_prior/{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/train_attribution_prior/{{scatteritem}}.tsv"
    # Long jobs start early: at the end they would leave the other processors idle.
    priority: 45
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "training",
                "n_images": PRIORS["n_repetitions"] * ROWS,
                "n_steps": (
                    PRIORS["settings"]["epochs"] * len(PRIORS["methods"]) * len(PRIORS["lambdas"])
                ),
                "pixels": FEATURES,
            }
        ),
    params:
        code=code("attribution_prior/train"),
        settings=part_of(
            "attribution_prior",
            "n_repetitions",
            "methods",
            "lambdas",
            "n_references",
            "settings",
            "eg_references",
            "integrated_gradients",
        ),
        # Independent of the shard: every repetition derives its own seed from this one.
        seed=job_seed(config["seed"], "attribution_prior"),
        device=config["device"],
    script:
        "../scripts/attribution_prior/train.py"


rule summarise_attribution_prior:
    input:
        rows=gather.attribution_prior(rules.train_attribution_prior.output.rows),
        facts=gather.attribution_prior(rules.train_attribution_prior.output.facts),
        data=rules.prepare_attribution_prior.output.facts,
    output:
        csv=csv_output("attribution_prior", "Training with attribution priors"),
        eg_references=csv_output(
            "attribution_prior", "References of Expected Gradients", part="eg_references"
        ),
        repetitions=f"{PRIORS_FOLDER}/repetitions.csv",
        differences=f"{PRIORS_FOLDER}/differences.csv",
        facts=f"{PRIORS_FOLDER}/facts.json",
    log:
        f"{LOGS}/summarise_attribution_prior.log",
    benchmark:
        f"{BENCHMARKS}/summarise_attribution_prior.tsv"
    group:
        "attribution_prior"
    conda:
        ENVIRONMENT
    params:
        code=code("attribution_prior/summarise"),
        settings=part_of(
            "attribution_prior",
            "n_repetitions",
            "n_references",
            "lambdas",
            "settings",
            "eg_references",
        ),
        bootstrap=PRIORS["bootstrap"],
        seed=seed("attribution_prior_bootstrap"),
    script:
        "../scripts/attribution_prior/summarise.py"


rule table_attribution_prior:
    input:
        table=rules.summarise_attribution_prior.output.csv,
        eg_references=rules.summarise_attribution_prior.output.eg_references,
        differences=rules.summarise_attribution_prior.output.differences,
        facts=rules.summarise_attribution_prior.output.facts,
        published=published("attribution_prior"),
        published_eg_references=published("attribution_prior_eg_refs"),
        claims=CLAIMS,
        notebook=notebook("attribution_prior"),
    output:
        **notebook_outputs("attribution_prior", "Training with attribution priors"),
    log:
        f"{LOGS}/table_attribution_prior.log",
    group:
        "attribution_prior"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="attribution_prior"),
    script:
        "../scripts/run_notebook.py"


# All three in one job: starting a job takes longer than drawing.
rule figure_attribution_prior:
    input:
        table=rules.summarise_attribution_prior.output.csv,
        eg_references=rules.summarise_attribution_prior.output.eg_references,
        published=published("attribution_prior"),
        published_eg_references=published("attribution_prior_eg_refs"),
    output:
        **figure_outputs("attribution_prior", "Training with attribution priors"),
        **figure_outputs(
            "attribution_prior", "References of Expected Gradients", part="eg_references"
        ),
        **figure_outputs("attribution_prior", "Cost of attribution priors", part="cost"),
    log:
        f"{LOGS}/figure_attribution_prior.log",
    group:
        "attribution_prior"
    conda:
        ENVIRONMENT
    params:
        code=code("attribution_prior/figure"),
    script:
        "../scripts/attribution_prior/figure.py"
