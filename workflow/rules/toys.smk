# Functions of one or two inputs on which attributions part ways: Figures 1 to 3 of DeepLIFT
# (Shrikumar et al. 2017) and the example of Integrated Gradients (Sundararajan et al. 2017).


# Computed and drawn in one job: starting it takes longer than both.
rule figure_toys:
    input:
        code=code("figure_toys"),
    output:
        **figure_outputs("toys", "Attributions of toy functions"),
        table=report(
            f"{RESULTS}/tables/toys.csv",
            caption="../report/toys_figure.rst",
            category="Tables",
            labels={"table": "Attributions of toy functions", "as": "CSV"},
        ),
        facts=f"{RESULTS}/toys.json",
    params:
        settings=config["toys"],
    log:
        f"{LOGS}/figure_toys.log",
    benchmark:
        f"{BENCHMARKS}/figure_toys.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    script:
        "../scripts/figure_toys.py"
