# Homogeneity of degree k > 1: the closed form of Integrated Gradients is x · ∇F / k, here for nets with
# squared ReLUs, bilinear pooling and products of features.
from experiments.degree.names import NETS as DEGREE_NETS

DEGREE = config["degree"]
DEGREE_SPLITS = idx_splits("fashion_mnist")
DEGREE_NET = f"{RESULTS}/fashion_mnist/degree/{{net}}"


rule train_degree:
    input:
        train=DEGREE_SPLITS["train"],
        validation=DEGREE_SPLITS["validation"],
    output:
        model=f"{DEGREE_NET}/model.safetensors",
        history=report(
            f"{DEGREE_NET}/history.csv",
            caption="../report/degree_history.rst",
            category="Training",
            labels={"data set": "fashion_mnist", "net": "degree, {net}"},
        ),
    log:
        f"{LOGS}/train_degree/{{net}}.log",
    benchmark:
        f"{BENCHMARKS}/train_degree/{{net}}.tsv"
    wildcard_constraints:
        net="|".join(DEGREE_NETS),
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "training",
                "n_images": image_count("fashion_mnist", "train"),
                "n_steps": DEGREE["training"]["epochs"],
                "batch_size": config["training"]["settings"]["batch_size"],
                "pixels": 28**2,
            }
        ),
    params:
        code=code("degree/train", named=lambda wildcards: [DEGREE_NETS[wildcards.net].builder]),
        builder=lambda wildcards: DEGREE_NETS[wildcards.net].builder,
        settings=settings_of_training(DEGREE["training"]),
        workers=untracked(config["training"]["settings"]["workers"]),
        seed=seed("train_degree"),
        device=config["device"],
    script:
        "../scripts/degree/train.py"


rule measure_degree:
    input:
        model=rules.train_degree.output.model,
        test=DEGREE_SPLITS["test"],
    output:
        table=f"{DEGREE_NET}/differences.csv",
        maps=f"{DEGREE_NET}/maps.safetensors",
        facts=f"{DEGREE_NET}/differences.json",
    log:
        f"{LOGS}/measure_degree/{{net}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_degree/{{net}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "gradient",
                "n_images": image_count("fashion_mnist", "test", DEGREE["n_images"]),
                "n_steps": 2 * (DEGREE["n_steps"] + 2),
                "batch_size": DEGREE["batch_size"],
                "pixels": 28**2,
            }
        ),
    params:
        **part_of("degree", "n_images", "batch_size", "n_steps"),
        code=code("degree/measure", named=lambda wildcards: [DEGREE_NETS[wildcards.net].builder]),
        degree=lambda wildcards: DEGREE_NETS[wildcards.net].degree,
        device=config["device"],
    script:
        "../scripts/degree/measure.py"


rule summarise_degree:
    input:
        csv=expand(rules.measure_degree.output.table, net=DEGREE["nets"]),
    output:
        csv=csv_output("degree", "Degree above one"),
    log:
        f"{LOGS}/summarise_degree.log",
    group:
        "degree"
    conda:
        ENVIRONMENT
    params:
        code=code("degree/summarise"),
        degrees={net: DEGREE_NETS[net].degree for net in DEGREE["nets"]},
    script:
        "../scripts/degree/summarise.py"


rule table_degree:
    input:
        table=rules.summarise_degree.output.csv,
        facts=expand(rules.measure_degree.output.facts, net=DEGREE["nets"]),
        claims=CLAIMS,
        notebook=notebook("degree"),
    output:
        **notebook_outputs("degree", "Degree above one"),
    log:
        f"{LOGS}/table_degree.log",
    group:
        "degree"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="degree"),
    script:
        "../scripts/run_notebook.py"


rule figure_degree:
    input:
        maps=expand(rules.measure_degree.output.maps, net=DEGREE["nets"]),
    output:
        **figure_outputs("degree", "Degree above one"),
    log:
        f"{LOGS}/figure_degree.log",
    group:
        "degree"
    conda:
        ENVIRONMENT
    params:
        code=code("degree/figure"),
        nets=DEGREE["nets"],
    script:
        "../scripts/degree/figure.py"
