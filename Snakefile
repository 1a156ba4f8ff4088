# Replication of "Fast Axiomatic Attribution for Neural Networks" (Hesse et al., NeurIPS 2021).
# A table of contents: the experiments are in workflow/rules/, one file per stage.
from snakemake.utils import min_version

min_version("9.0")

# Beside this file, not in the working directory, so that a run elsewhere finds it too.
configfile: f"{workflow.basedir}/config.yaml"

report: "workflow/report/workflow.rst"

include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/attributions.smk"
include: "workflow/rules/relative_difference.smk"
include: "workflow/rules/convergence.smk"
include: "workflow/rules/contrast.smk"
include: "workflow/rules/masking.smk"
include: "workflow/rules/digits.smk"
include: "workflow/rules/genomics.smk"
include: "workflow/rules/priors.smk"
include: "workflow/rules/toys.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


localrules: all, tables, figures, accuracy, mean_relative_difference, ig_convergence, contrast, attribution_maps, masking, digit_conversion, genomics, attribution_prior, toys


rule all:
    default_target: True
    input:
        rules.report.output,
        TABLES,
        FIGURES,


rule tables:
    input:
        TABLES,


rule figures:
    input:
        FIGURES,


# One target per experiment: what it takes to see that one result.
rule accuracy:
    input:
        rules.table_accuracy.output,


rule mean_relative_difference:
    input:
        rules.table_mean_relative_difference.output,


rule ig_convergence:
    input:
        rules.table_ig_convergence.output,
        rules.figure_ig_convergence.output,


rule contrast:
    input:
        rules.figure_contrast.output,


rule attribution_maps:
    input:
        rules.figure_attribution_maps.output,


rule masking:
    input:
        rules.table_masking.output,
        rules.figure_masking.output,
        rules.figure_masked_images.output,


rule digit_conversion:
    input:
        rules.table_digit_conversion.output,
        rules.figure_digit_conversion.output,


rule genomics:
    input:
        rules.table_genomics.output,
        rules.figure_genomics.output,


rule attribution_prior:
    input:
        rules.table_attribution_prior.output,
        rules.figures_attribution_prior.output,


rule toys:
    input:
        rules.figure_toys.output,
