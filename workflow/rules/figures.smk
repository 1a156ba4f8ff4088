# Figures, each as PDF for papers and PNG for screens.



rule figure_ig_convergence:
    input:
        table=f"{RESULTS}/tables/ig_convergence.csv",
        published=published("ig_convergence"),
        code=code("figure_ig_convergence"),
    output:
        **figure_outputs("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/figure_ig_convergence.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure_ig_convergence.py"


rule figure_contrast:
    input:
        measurements=expand(
            f"{RESULTS}/{DATASET}/{{arch}}-{{variant}}/contrast.csv",
            arch=ARCHITECTURES,
            variant=config["contrast"]["variants"],
        ),
        code=code("figure_contrast"),
    output:
        **figure_outputs("contrast", "Accuracy against contrast"),
        table=report(
            f"{RESULTS}/tables/contrast.csv",
            caption="../report/contrast_figure.rst",
            category="Tables",
            labels={"table": "Accuracy against contrast", "as": "CSV"},
        ),
    log:
        f"{LOGS}/figure_contrast.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure_contrast.py"


rule figure_attribution_maps:
    input:
        maps=rules.attribute_maps.output[0],
        code=code("figure_attribution_maps"),
    output:
        **figure_outputs("attribution_maps", "Attribution maps"),
    log:
        f"{LOGS}/figure_attribution_maps.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure_attribution_maps.py"


rule figure_masking:
    input:
        curves=expand(
            f"{RESULTS}/{DATASET}/{{arch}}-{{variant}}/masking_curves.csv",
            arch=MASKING["architectures"],
            variant=MASKING["variants"],
        ),
        code=code("figure_masking"),
    output:
        **figure_outputs("masking", "Masking curves"),
    log:
        f"{LOGS}/figure_masking.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure_masking.py"


rule figure_masked_images:
    input:
        examples=rules.mask_examples.output[0],
        code=code("figure_masked_images"),
    output:
        **figure_outputs("masked_images", "Masked images"),
    log:
        f"{LOGS}/figure_masked_images.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure_masked_images.py"


# Two figures in one job: starting a job takes longer than drawing one of them.
rule figure_digit_conversion:
    input:
        conversions=expand(f"{DIGIT_NET}/conversion.csv", weights=DIGITS["weights"]),
        example=f"{RESULTS}/mnist/digit_convnet-{DIGITS['example']['weights']}/example.safetensors",
        published=published("deeplift_mnist_boxplot_digitised"),
        code=code("figure_digit_conversion"),
    output:
        **figure_outputs("digit_conversion", "Digit conversion"),
        **figure_outputs(
            "digit_conversion_example", "Digit conversion of one image", prefix="example_"
        ),
    log:
        f"{LOGS}/figure_digit_conversion.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure_digit_conversion.py"


rule figure_genomics:
    input:
        hits=expand(
            f"{RESULTS}/genomics/{{weights}}/hits.csv",
            weights=GENOMICS["weights"],
        ),
        code=code("figure_genomics"),
    output:
        **figure_outputs("genomics", "Importance of motif hits"),
    params:
        strong=GENOMICS["strong"],
    log:
        f"{LOGS}/figure_genomics.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure_genomics.py"


# All three in one job: starting a job takes longer than drawing.
rule figures_attribution_prior:
    input:
        table=f"{RESULTS}/tables/attribution_prior.csv",
        eg_references=f"{RESULTS}/tables/attribution_prior_eg_references.csv",
        published=published("attribution_prior"),
        published_eg_references=published("attribution_prior_eg_refs"),
        code=code("figures_attribution_prior"),
    output:
        **figure_outputs(
            "attribution_prior", "Training with attribution priors", prefix="auc_"
        ),
        **figure_outputs(
            "attribution_prior_eg_references",
            "References of Expected Gradients",
            prefix="eg_references_",
        ),
        **figure_outputs(
            "attribution_prior_cost", "Cost of attribution priors", prefix="cost_"
        ),
    log:
        f"{LOGS}/figures_attribution_prior.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/figures_attribution_prior.py"


FIGURES = [
    rules.figure_ig_convergence.output,
    rules.figure_contrast.output,
    rules.figure_attribution_maps.output,
    rules.figure_masking.output,
    rules.figure_masked_images.output,
    rules.figure_digit_conversion.output,
    rules.figure_genomics.output,
    rules.figures_attribution_prior.output,
    rules.figure_toys.output,
]
