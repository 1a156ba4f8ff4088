# The axioms of attribution: for every method and axiom a search for a counter-example (Table 1).


rule measure_axioms:
    output:
        csv=csv_output("axioms", "Axioms"),
        examples=csv_output("axioms", "Counter-examples to the axioms", part="counterexamples"),
        nets=f"{RESULTS}/axioms.safetensors",
        facts=f"{RESULTS}/axioms.json",
    log:
        f"{LOGS}/measure_axioms.log",
    benchmark:
        f"{BENCHMARKS}/measure_axioms.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    params:
        code=code("axioms/measure", named=lambda wildcards: functions("axioms")),
        methods=calls("axioms"),
        convolution=[key for key in config["axioms"]["methods"] if method(key).convolution],
        n_nets=config["axioms"]["n_nets"],
        seed=seed("axioms"),
    script:
        "../scripts/axioms/measure.py"


rule table_axioms:
    input:
        table=rules.measure_axioms.output.csv,
        examples=rules.measure_axioms.output.examples,
        facts=rules.measure_axioms.output.facts,
        published=published("axioms"),
        claims=CLAIMS,
        notebook=notebook("axioms"),
    output:
        **notebook_outputs("axioms", "Axioms"),
    log:
        f"{LOGS}/table_axioms.log",
    group:
        "axioms"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="axioms"),
    script:
        "../scripts/run_notebook.py"


rule figure_axioms:
    input:
        table=rules.measure_axioms.output.csv,
        published=published("axioms"),
    output:
        **figure_outputs("axioms", "Axioms"),
    log:
        f"{LOGS}/figure_axioms.log",
    group:
        "axioms"
    conda:
        ENVIRONMENT
    params:
        code=code("axioms/figure"),
    script:
        "../scripts/axioms/figure.py"
