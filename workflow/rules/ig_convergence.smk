# How the error of IG falls with the number of steps, per quadrature rule (appendix).

IG_CONVERGENCE = "experiments.ig_convergence.run:MEASUREMENT"
# By network and variant: the settings with the precision of the variant.
CONVERGENCE = {
    (network, variant): in_precision(variant, settings_of("ig_convergence", network))
    for network, variant in nets_of("ig_convergence")
}


rule measure_ig_convergence:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
    output:
        table=f"{NET}/ig_convergence/{{scatteritem}}.csv",
        facts=f"{NET}/ig_convergence/{{scatteritem}}.json",
    log:
        f"{LOGS}/measure_ig_convergence/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_ig_convergence/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("ig_convergence", batch="internal_batch_size")),
    params:
        code=code("measure", named=lambda wildcards: [IG_CONVERGENCE, *builder(wildcards)]),
        measurement=IG_CONVERGENCE,
        labels=labels_of,
        settings=lambda wildcards: CONVERGENCE[wildcards.network, wildcards.variant],
        device=config["device"],
    script:
        "../scripts/measure.py"


rule summarise_ig_convergence:
    input:
        csv=shards_of("ig_convergence", "csv"),
    output:
        csv=csv_output("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/summarise_ig_convergence.log",
    group:
        "ig_convergence"
    conda:
        ENVIRONMENT
    params:
        code=code(
            "summarise", named=lambda wildcards: ["experiments.ig_convergence.summary:summarise"]
        ),
        summary="experiments.ig_convergence.summary:summarise",
    script:
        "../scripts/summarise.py"


rule table_ig_convergence:
    input:
        table=rules.summarise_ig_convergence.output.csv,
        facts=shards_of("ig_convergence", "json"),
        published=published("ig_convergence"),
        claims=CLAIMS,
        notebook=notebook("ig_convergence"),
    output:
        **notebook_outputs("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/table_ig_convergence.log",
    group:
        "ig_convergence"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="ig_convergence"),
    script:
        "../scripts/run_notebook.py"


rule figure_ig_convergence:
    input:
        table=rules.summarise_ig_convergence.output.csv,
        published=published("ig_convergence"),
    output:
        **figure_outputs("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/figure_ig_convergence.log",
    group:
        "ig_convergence"
    conda:
        ENVIRONMENT
    params:
        code=code("ig_convergence/figure"),
    script:
        "../scripts/ig_convergence/figure.py"
