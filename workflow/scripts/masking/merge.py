"""Merge the shards of one net: areas per image, mean curves."""

from experiments.files import load_tensors
from experiments.job import Job
from experiments.masking.merging import image_areas, mean_curves, merge_scores
from experiments.tables import label_rows
from experiments.writing import write_csv

with Job(snakemake) as job:
    params, results = snakemake.params, snakemake.output
    shards, facts = zip(*map(load_tensors, snakemake.input.scores), strict=True)
    scores = merge_scores(shards)
    merged = {method: scores[method] for method in params.methods}
    images = [index for shard in shards if shard for index in shard["images"].tolist()]
    for path, frame in (
        (results.images, image_areas(merged, images)),
        (results.curves, mean_curves(merged)),
    ):
        write_csv(path, label_rows(frame, **params.labels))
    job.write_facts(results.facts, shards=facts)
