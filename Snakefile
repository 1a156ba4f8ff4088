# Replication of "Fast Axiomatic Attribution for Neural Networks" (Hesse et al., NeurIPS 2021).
# Only a table of contents: each experiment has one file in workflow/rules/, with the name of its
# section of the configuration and of its folder in experiments/.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/checkout.smk"
include: f"{CHECKOUT}/workflow/rules/config_files.smk"


# Next to this file, not in the working directory, so that a run in another folder finds it, too. A
# workflow that uses this one as a module may give a configuration instead.
configfile: f"{CHECKOUT}/config.yaml"


report: "workflow/report/workflow.rst"


include: f"{CHECKOUT}/workflow/rules/common.smk"
include: f"{CHECKOUT}/workflow/rules/resources.smk"
include: f"{CHECKOUT}/workflow/rules/entries.smk"
include: f"{CHECKOUT}/workflow/rules/data.smk"
include: f"{CHECKOUT}/workflow/rules/networks.smk"


for experiment in EXPERIMENTS:

    include: f"{CHECKOUT}/workflow/rules/{experiment}.smk"


include: f"{CHECKOUT}/workflow/rules/claims.smk"
include: f"{CHECKOUT}/workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.report.output,
        TABLES,
        FIGURES,
        rules.check_claims.output if config["strict_claims"] else [],
    localrule: True


# After the last job: what came of the claims, if they were judged. Not of files that were touched, and
# not where the caller prints it, as make does.
onsuccess:
    later = workflow.touch or os.environ.get("XGRADIENT_VERDICTS") == "later"
    if not later and "judge_claims" in {job.rule.name for job in workflow.dag.jobs}:
        from experiments.claim_counts import read_verdicts, summary

        print(summary(read_verdicts(rules.judge_claims.output[0])), file=sys.stderr)


rule tables:
    input:
        TABLES,
    localrule: True


rule figures:
    input:
        FIGURES,
    localrule: True


# One target per experiment: all its tables and figures.
for experiment in TARGETS:

    rule:
        name:
            experiment
        input:
            TARGETS[experiment],
        localrule: True
