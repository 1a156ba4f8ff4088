# The report: tables and figures in one HTML file.


# The configuration of the run, with all overlays merged: the report reads it.
rule write_config:
    input:
        code=code("write_config"),
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{LOGS}/write_config.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        config=config,
    script:
        "../scripts/write_config.py"


rule report:
    input:
        config=rules.write_config.output[0],
        tables=TABLES,
        figures=FIGURES,
        code=code("make_report"),
        captions=[
            os.path.normpath(f"{BASE}/workflow/report/{name}")
            for name in sorted(os.listdir(f"{workflow.basedir}/workflow/report"))
        ],
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        snakefile=os.path.normpath(f"{BASE}/Snakefile"),
    script:
        "../scripts/make_report.py"
