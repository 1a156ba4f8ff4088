"""Merge the shards of one net: areas per image, mean curves, summary (rule merge_masking)."""

from experiments.files import load_tensors
from experiments.job import Job, write_facts
from experiments.masking.run import image_areas, mean_curves, merge_scores, methods_for, summarise

with Job(snakemake) as job:
    params, wildcards = snakemake.params, snakemake.wildcards
    shards, facts = zip(*map(load_tensors, snakemake.input.scores), strict=True)
    scores = merge_scores(shards)
    merged = {method: scores[method] for method in methods_for(params.methods, wildcards.variant)}
    areas = image_areas(merged)
    summary = summarise(areas, **params.bootstrap, seed=job.seed)
    for path, frame in (
        (snakemake.output.table, summary),
        (snakemake.output.images, areas),
        (snakemake.output.curves, mean_curves(merged)),
    ):
        for position, name in enumerate(("dataset", "arch", "variant")):
            frame.insert(position, name, {"dataset": params.dataset, **wildcards}[name])
        frame.to_csv(path, index=False)
    write_facts(snakemake.output.facts, job.facts(shards=facts))
