# Sentences: a ReLU convolution net on fixed vectors of words (Kim 2014), with biases and without. What
# Integrated Gradients say of the words, and that they are Input×Gradient without biases.

TEXT = config["text"]
TEXT_BUILDER = "experiments.text.network:SentenceConvNet"
TEXT_NET = f"{RESULTS}/{{dataset}}/text-{{variant}}"
TEXT_NETS = [(dataset, variant) for dataset in TEXT["datasets"] for variant in ("regular", "x")]
# A sentence of so many words costs no more than an image with as many pixels as it has numbers.
TEXT_NUMBERS = 60 * CATALOGUE[TEXT["vectors"]].vectors.dimensions


def of_text_nets(output):
    """A file for each data set and variant."""
    return [output.format(dataset=dataset, variant=variant) for dataset, variant in TEXT_NETS]


def n_sentences(wildcards, split):
    return CATALOGUE[wildcards.dataset].text.splits[split].count


rule prepare_text:
    input:
        fetched=f"{RESULTS}/{{dataset}}/fetched.json",
        dataset=ancient(dataset_file("{dataset}")),
        fetched_vectors=f"{RESULTS}/{TEXT['vectors']}/fetched.json",
        vectors=ancient(dataset_file(TEXT["vectors"])),
    output:
        f"{RESULTS}/{{dataset}}/sentences.safetensors",
    log:
        f"{LOGS}/prepare_text/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_text/{{dataset}}.tsv"
    wildcard_constraints:
        dataset="|".join(TEXT["datasets"]),
    priority: 60
    conda:
        ENVIRONMENT
    params:
        code=code("text/prepare"),
        data=untracked(config["data"]),
        digests=lambda wildcards: digests_of(wildcards.dataset),
        text=lambda wildcards: CATALOGUE[wildcards.dataset].text.model_dump(mode="json"),
        digests_of_vectors=digests_of(TEXT["vectors"]),
        validation_sentences=TEXT["validation_sentences"],
        seed=seed("prepare_text"),
    script:
        "../scripts/text/prepare.py"


rule train_text:
    input:
        sentences=rules.prepare_text.output[0],
    output:
        model=f"{TEXT_NET}/model.safetensors",
        history=history_output(
            f"{TEXT_NET}/history.csv",
            "text_history",
            {"data set": "{dataset}", "net": "text, {variant}"},
            {
                f"{RESULTS}/{dataset}/text-{variant}/history.csv": {
                    "dataset": dataset,
                    "variant": variant,
                }
                for dataset, variant in TEXT_NETS
            },
        ),
    log:
        f"{LOGS}/train_text/{{dataset}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/train_text/{{dataset}}-{{variant}}.tsv"
    priority: 50
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "training",
                "n_images": n_sentences(wildcards, "train"),
                "n_steps": TEXT["training"]["epochs"],
                "batch_size": TEXT["training"]["batch_size"],
                "pixels": TEXT_NUMBERS,
            }
        ),
    params:
        code=code("text/train", named=lambda wildcards: [TEXT_BUILDER]),
        builder=TEXT_BUILDER,
        net=TEXT["net"],
        settings=TEXT["training"],
        checkpoint=lambda wildcards, output: next_to(output.model, "training.ckpt"),
        seed=seed("train_text"),
        device=config["device"],
    script:
        "../scripts/text/train.py"


rule measure_text:
    input:
        model=rules.train_text.output.model,
        sentences=rules.prepare_text.output[0],
    output:
        predictions=f"{TEXT_NET}/predictions.csv",
        table=f"{TEXT_NET}/attributions.csv",
        exact=f"{TEXT_NET}/exact.csv",
        examples=f"{TEXT_NET}/examples.json",
        facts=f"{TEXT_NET}/text.json",
    log:
        f"{LOGS}/measure_text/{{dataset}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_text/{{dataset}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "gradient",
                # Of an exact integral a path has thousands of pieces.
                "n_images": (TEXT["n_sentences"] or n_sentences(wildcards, "test"))
                * (TEXT["n_steps"] + 2)
                + 10_000 * TEXT["exact_sentences"],
                "batch_size": TEXT["batch_size"],
                "pixels": TEXT_NUMBERS,
            }
        ),
    params:
        **part_of("text", "n_sentences", "batch_size", "n_steps", "exact_sentences", "examples"),
        code=code("text/measure", named=lambda wildcards: [TEXT_BUILDER]),
        # The same sentences for both nets.
        seed=lambda wildcards: job_seed(config["seed"], "measure_text", wildcards.dataset),
        device=config["device"],
    script:
        "../scripts/text/measure.py"


rule summarise_text:
    input:
        predictions=of_text_nets(rules.measure_text.output.predictions),
        rows=of_text_nets(rules.measure_text.output.table),
        exact=of_text_nets(rules.measure_text.output.exact),
    output:
        csv=csv_output("text", "Sentences"),
    log:
        f"{LOGS}/summarise_text.log",
    group:
        "text"
    conda:
        ENVIRONMENT
    params:
        code=code("text/summarise"),
        nets=TEXT_NETS,
    script:
        "../scripts/text/summarise.py"


rule table_text:
    input:
        table=rules.summarise_text.output.csv,
        facts=of_text_nets(rules.measure_text.output.facts),
        published=published("text_accuracy"),
        claims=CLAIMS,
        notebook=notebook("text"),
    output:
        **notebook_outputs("text", "Sentences"),
    log:
        f"{LOGS}/table_text.log",
    group:
        "text"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="text"),
    script:
        "../scripts/run_notebook.py"


rule figure_text:
    input:
        table=rules.summarise_text.output.csv,
        rows=of_text_nets(rules.measure_text.output.table),
        published=published("text_accuracy"),
    output:
        **figure_outputs("text", "Sentences"),
    log:
        f"{LOGS}/figure_text.log",
    group:
        "text"
    conda:
        ENVIRONMENT
    params:
        code=code("text/figure"),
        nets=TEXT_NETS,
    script:
        "../scripts/text/figure.py"


rule page_text:
    input:
        examples=of_text_nets(rules.measure_text.output.examples),
    output:
        page_output("text", "Words of single sentences", part="words"),
    log:
        f"{LOGS}/page_text.log",
    group:
        "text"
    conda:
        ENVIRONMENT
    params:
        code=code("text/page"),
        nets=TEXT_NETS,
        titles={name: CATALOGUE[name].title for name in TEXT["datasets"]},
        n_steps=TEXT["n_steps"],
    script:
        "../scripts/text/page.py"
