# Small jobs: they outlive their first time limit, need more than their first memory, ask for a GPU,
# always fail, or are interrupted.


rule all:
    input:
        "slow",
        "hungry",
        "broken",


rule slow:
    output:
        "slow",
    resources:
        runtime=lambda wildcards, attempt: attempt,
        mem_mb=1000,
    shell:
        "if test {resources.runtime} -eq 1; then sleep 600; fi; echo {resources.runtime} > {output}"


rule hungry:
    output:
        "hungry",
    resources:
        runtime=5,
        mem_mb=lambda wildcards, attempt: 800 * attempt,
    shell:
        "python3 -c 'import time; data = bytearray(900_000_000); time.sleep(6)'"
        " && echo {resources.mem_mb} > {output}"


rule broken:
    output:
        "broken",
    log:
        "logs/broken.log",
    resources:
        runtime=5,
        mem_mb=1000,
    shell:
        "echo it is broken > {log}; echo said to Slurm >&2; exit 3"


rule interrupted:
    output:
        "interrupted",
    resources:
        runtime=5,
        mem_mb=1000,
    shell:
        "if test -e again; then touch {output}; else sleep 600; fi"


rule gpu:
    output:
        "gpu",
    resources:
        runtime=5,
        mem_mb=1000,
        gpu=1,
    shell:
        "scontrol show job $SLURM_JOB_ID > {output}"
