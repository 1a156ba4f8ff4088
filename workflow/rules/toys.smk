# Functions of one or two inputs on which attribution methods disagree: Figures 1 to 3 of DeepLIFT
# (Shrikumar et al. 2017) and the example of Integrated Gradients (Sundararajan et al. 2017).


rule measure_toys:
    output:
        csv=csv_output("toys", "Attributions of toy functions"),
        facts=f"{RESULTS}/toys.json",
    log:
        f"{LOGS}/measure_toys.log",
    benchmark:
        f"{BENCHMARKS}/measure_toys.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    params:
        code=code("toys/measure", named=lambda wildcards: functions("toys")),
        methods=calls("toys"),
        n_points=config["toys"]["n_points"],
    script:
        "../scripts/toys/measure.py"


rule figure_toys:
    input:
        table=rules.measure_toys.output.csv,
    output:
        **figure_outputs("toys", "Attributions of toy functions"),
    log:
        f"{LOGS}/figure_toys.log",
    conda:
        ENVIRONMENT
    params:
        code=code("toys/figure"),
    script:
        "../scripts/toys/figure.py"
