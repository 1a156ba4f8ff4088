# The claims of the papers, judged from the tables of all experiments: the last table.

try:
    CLAIM_LIST = load_claims(CLAIMS)
    check_names(CLAIM_LIST, CONFIG)
except ClaimError as error:
    raise WorkflowError(str(error))

# Only about the tables of this run.
CLAIM_LIST = [claim for claim in CLAIM_LIST if f"{RESULTS}/tables/{claim.table}.csv" in TABLES]


rule judge_claims:
    input:
        tables=sorted({f"{RESULTS}/tables/{claim.table}.csv" for claim in CLAIM_LIST}),
        published=sorted(
            {published(claim.published.table) for claim in CLAIM_LIST if claim.published}
        ),
        claims=CLAIMS,
    output:
        csv_output("claims", "Claims"),
    log:
        f"{LOGS}/judge_claims.log",
    group:
        "claims"
    conda:
        ENVIRONMENT
    params:
        code=code("judge_claims"),
    script:
        "../scripts/judge_claims.py"


rule table_claims:
    input:
        table=rules.judge_claims.output[0],
        notebook=notebook("claims"),
    output:
        **notebook_outputs("claims", "Claims"),
    log:
        f"{LOGS}/table_claims.log",
    group:
        "claims"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="claims"),
    script:
        "../scripts/run_notebook.py"
