"""Measure the AUROC of one net, and how many motifs every attribution misses."""

from experiments.attributions import load_attributions
from experiments.files import save_tensors
from experiments.genomics.run import importance_by_method, measure_auroc, measure_hits
from experiments.genomics.storage import load_sequences, read_motifs
from experiments.job import Job
from experiments.networks.checkpoints import load_model, read_header
from experiments.tables import label_rows
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params, results = snakemake.input, snakemake.params, snakemake.output
    settings, weights = params.settings, snakemake.wildcards.weights
    model = load_model(files.model).to(job.device)
    test = load_sequences(files.sequences, "test")
    both, importance = importance_by_method(
        model,
        test,
        job.progress(load_attributions(params.methods).items(), "methods"),
        settings["background"],
        job.seed,
    )
    hits, summary = measure_hits(
        both,
        importance,
        read_motifs(files.motifs),
        settings["n_hits"],
        settings["strong"],
        settings["background"],
    )
    for path, frame in (
        (results.auroc, measure_auroc(model, test)),
        (results.hits, hits),
        (results.table, summary),
    ):
        write_csv(path, label_rows(frame, weights=weights))
    provenance = read_header(files.model)["provenance"]
    inputs = [files.model, files.sequences]
    save_tensors(results.importance, importance, job.facts(inputs, model=provenance))
    job.write_facts(results.facts, inputs, model=provenance)
