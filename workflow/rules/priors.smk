# Training with attribution priors on tables of features (Sec. 4.3).
#
# The repetitions are spread over attribution_prior.shards jobs, or --set-scatter
# attribution_prior=N. The result does not depend on their number.

PRIORS = config["attribution_prior"]
PRIORS_FOLDER = f"{RESULTS}/attribution_prior"


scattergather:
    attribution_prior=PRIORS["shards"],


# Not by rule fetch_dataset, which fails where a file cannot be had: here a fallback may be named.
rule prepare_mortality_table:
    input:
        dataset=ancient(f"{DATASETS}/{PRIORS['dataset']}.yaml"),
        fallback=[
            ancient(f"{DATASETS}/{name}.yaml") for name in [PRIORS["fallback"]] if name is not None
        ],
        code=code("prepare_mortality_table"),
    output:
        table=f"{PRIORS_FOLDER}/table.csv",
        facts=f"{PRIORS_FOLDER}/table.json",
    params:
        data=config["data"],
        # The files and the reading of the tables: a change of these runs the job again.
        datasets={
            name: {
                "digests": digests_of(name),
                "mortality": CATALOGUE[name].mortality.model_dump(mode="json"),
            }
            for name in (PRIORS["dataset"], PRIORS["fallback"])
            if name is not None
        },
        **part_of("attribution_prior", "dataset", "fallback"),
    log:
        f"{LOGS}/prepare_mortality_table.log",
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/prepare_mortality_table.py"


rule train_priors:
    input:
        table=rules.prepare_mortality_table.output.table,
        code=code("train_priors"),
    output:
        # Kept: they are small, and another bootstrap must not train again.
        rows=f"{PRIORS_FOLDER}/shards/{{scatteritem}}.csv",
        facts=f"{PRIORS_FOLDER}/shards/{{scatteritem}}.json",
    params:
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
        # Not of the shard: every repetition derives its own seed from this one.
        seed=job_seed(config["seed"], "attribution_prior"),
        device=config["device"],
    log:
        f"{LOGS}/train_priors/{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/train_priors/{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    # Long jobs early: at the end they would leave the other processors idle.
    priority: 45
    resources:
        gpu=GPU,
    script:
        "../scripts/train_priors.py"


rule merge_priors:
    input:
        rows=gather.attribution_prior(rules.train_priors.output.rows),
        facts=gather.attribution_prior(rules.train_priors.output.facts),
        data=rules.prepare_mortality_table.output.facts,
        code=code("merge_priors"),
    output:
        repetitions=f"{PRIORS_FOLDER}/repetitions.csv",
        table=f"{PRIORS_FOLDER}/summary.csv",
        differences=f"{PRIORS_FOLDER}/differences.csv",
        eg_references=f"{PRIORS_FOLDER}/eg_references.csv",
        facts=f"{PRIORS_FOLDER}/facts.json",
    params:
        settings=part_of("attribution_prior", "n_references", "settings", "eg_references"),
        bootstrap=PRIORS["bootstrap"],
        seed=seed("attribution_prior_bootstrap"),
    log:
        f"{LOGS}/merge_priors.log",
    benchmark:
        f"{BENCHMARKS}/merge_priors.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/merge_priors.py"
