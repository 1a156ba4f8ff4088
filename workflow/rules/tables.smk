# Tables: one papermill notebook each, from the measurements to CSV, Markdown, LaTeX and HTML.


TABLE_VARIANTS = {
    "accuracy": ["regular", "stripped", "x"],
    "mean_relative_difference": config["mean_relative_difference"]["variants"],
    "ig_convergence": config["ig_convergence"]["variants"],
}


rule table_accuracy:
    input:
        **measurements("accuracy", TABLE_VARIANTS["accuracy"]),
        notebook=notebook("accuracy"),
        published=published("accuracy_mard"),
        code=code("run_notebook", notebook="accuracy"),
    output:
        **table_outputs("accuracy", "Accuracy"),
    log:
        f"{LOGS}/table_accuracy.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule table_mean_relative_difference:
    input:
        **measurements("mean_relative_difference", TABLE_VARIANTS["mean_relative_difference"]),
        notebook=notebook("mean_relative_difference"),
        published=published("accuracy_mard"),
        code=code("run_notebook", notebook="mean_relative_difference"),
    output:
        **table_outputs("mean_relative_difference", "Mean absolute relative difference"),
    log:
        f"{LOGS}/table_mean_relative_difference.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule table_ig_convergence:
    input:
        **measurements("ig_convergence", TABLE_VARIANTS["ig_convergence"]),
        notebook=notebook("ig_convergence"),
        published=published("ig_convergence"),
        code=code("run_notebook", notebook="ig_convergence"),
    output:
        **table_outputs("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/table_ig_convergence.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule table_masking:
    input:
        **measurements("masking", MASKING["variants"], MASKING["architectures"]),
        notebook=notebook("masking"),
        published=published("mask_metrics"),
        code=code("run_notebook", notebook="masking"),
    output:
        **table_outputs("masking", "Masking metrics"),
    log:
        f"{LOGS}/table_masking.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule table_digit_conversion:
    input:
        measurements=expand(f"{DIGIT_NET}/conversion.csv", weights=DIGITS["weights"]),
        facts=expand(f"{DIGIT_NET}/conversion.json", weights=DIGITS["weights"]),
        accuracy=expand(f"{DIGIT_NET}/accuracy.csv", weights=DIGITS["weights"]),
        notebook=notebook("digit_conversion"),
        published=published("deeplift_mnist_boxplot_digitised"),
        published_top10=published("deeplift_mnist_top10_8to3"),
        code=code("run_notebook", notebook="digit_conversion"),
    output:
        **table_outputs("digit_conversion", "Digit conversion"),
        top10=report(
            f"{RESULTS}/tables/digit_conversion_top10.csv",
            caption="../report/digit_conversion_top10.rst",
            category="Tables",
            labels={"table": "Digit conversion, ten highest scores", "as": "CSV"},
        ),
    log:
        f"{LOGS}/table_digit_conversion.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule table_genomics:
    input:
        measurements=expand(
            f"{RESULTS}/genomics/{{weights}}/false_negatives.csv", weights=GENOMICS["weights"]
        ),
        auroc=expand(f"{RESULTS}/genomics/{{weights}}/auroc.csv", weights=GENOMICS["weights"]),
        facts=expand(f"{RESULTS}/genomics/{{weights}}/genomics.json", weights=GENOMICS["weights"]),
        notebook=notebook("genomics"),
        published=published("deeplift_genomics_false_negatives_gata"),
        published_auroc=published("deeplift_genomics_auroc"),
        code=code("run_notebook", notebook="genomics"),
    output:
        **table_outputs("genomics", "Simulated genomics"),
        auroc_table=f"{RESULTS}/tables/genomics_auroc.csv",
    log:
        f"{LOGS}/table_genomics.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule table_attribution_prior:
    input:
        measurements=rules.merge_priors.output.table,
        differences=rules.merge_priors.output.differences,
        eg_curve=rules.merge_priors.output.eg_references,
        facts=rules.merge_priors.output.facts,
        notebook=notebook("attribution_prior"),
        published=published("attribution_prior"),
        published_eg_references=published("attribution_prior_eg_refs"),
        code=code("run_notebook", notebook="attribution_prior"),
    output:
        **table_outputs("attribution_prior", "Training with attribution priors"),
        eg_references=report(
            f"{RESULTS}/tables/attribution_prior_eg_references.csv",
            caption="../report/attribution_prior_eg_references_figure.rst",
            category="Tables",
            labels={"table": "References of Expected Gradients", "as": "CSV"},
        ),
    log:
        f"{LOGS}/table_attribution_prior.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


# What the papers claim, against the tables above: the last of all tables.
rule table_claims:
    input:
        tables=sorted({f"{RESULTS}/tables/{claim['table']}.csv" for claim in CLAIMS}),
        published=sorted(
            {published(claim["published"]["table"]) for claim in CLAIMS if "published" in claim}
        ),
        claims=CLAIM_LIST,
        notebook=notebook("claims"),
        code=code("run_notebook", notebook="claims"),
    output:
        **table_outputs("claims", "Claims"),
    log:
        f"{LOGS}/table_claims.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


TABLES = [
    rules.table_claims.output,
    rules.table_accuracy.output,
    rules.table_mean_relative_difference.output,
    rules.table_ig_convergence.output,
    rules.table_masking.output,
    rules.table_digit_conversion.output,
    rules.table_genomics.output,
    rules.table_attribution_prior.output,
]
