# Replication of "Fast Axiomatic Attribution for Neural Networks" (Hesse et al., NeurIPS 2021).
# A table of contents: each experiment is one file of workflow/rules/, named like its section of the
# configuration and like its folder in experiments/.
from snakemake.utils import min_version

min_version("9.0")


# Found next to this file and not in the working directory, so that a run elsewhere finds it too.
configfile: f"{workflow.basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/networks.smk"


for experiment in EXPERIMENTS:

    include: f"workflow/rules/{experiment}.smk"


include: "workflow/rules/claims.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.report.output,
        TABLES,
        FIGURES,
    localrule: True


rule tables:
    input:
        TABLES,
    localrule: True


rule figures:
    input:
        FIGURES,
    localrule: True


# One target per experiment: all that it takes to see that one result.
for experiment in TARGETS:

    rule:
        name:
            experiment
        input:
            TARGETS[experiment],
        localrule: True
