# The report: verdicts, pictures, tables and figures in one HTML file, which any browser shows.


# The configuration of the run, with all overlays merged: the report reads it.
rule write_config:
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{LOGS}/write_config.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code("write_config"),
        config=config,
    script:
        "../scripts/write_config.py"


rule report:
    input:
        config=rules.write_config.output[0],
        verdicts=rules.judge_claims.output[0],
        tables=TABLES,
        figures=FIGURES,
        histories=HISTORIES,
        frame=own("workflow/report/page.html.jinja2"),
        introduction=own("workflow/report/workflow.rst"),
        captions=[
            own(f"workflow/report/{name}")
            for name in sorted(os.listdir(f"{CHECKOUT}/workflow/report"))
            if name.endswith(".rst")
        ],
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code("make_report"),
        # In the folder of this report, wherever a module puts that.
        shown=lambda wildcards, output: [
            {**each, "path": next_to(output[0], os.path.relpath(each["path"], RESULTS))}
            for each in SHOWN
        ],
    script:
        "../scripts/make_report.py"


# With strict_claims: fails after everything else, as often as it is asked for.
rule check_claims:
    input:
        verdicts=rules.judge_claims.output[0],
        report=rules.report.output[0],
    output:
        touch(f"{RESULTS}/exact_claims_hold"),
    log:
        f"{LOGS}/check_claims.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code("check_claims"),
    script:
        "../scripts/check_claims.py"


# Only on request: a run as others can archive it, described by what is in its folder.
rule archive:
    input:
        report=rules.report.output[0],
        tables=TABLES,
        figures=FIGURES,
        snakefile=own("Snakefile"),
        datasets=[dataset_file(name) for name in CATALOGUE],
    output:
        metadata=f"{RESULTS}/ro-crate-metadata.json",
        snakefile=f"{RESULTS}/Snakefile",
    log:
        f"{LOGS}/archive.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code("archive"),
    script:
        "../scripts/archive.py"
