"""Read the authors' released network and test sequences."""

import torch

from experiments.data.fetch_again import fetch_again
from experiments.files import verified_files
from experiments.genomics.network import load_genomics_convnet
from experiments.genomics.simulation import read_names, read_simdata
from experiments.genomics.storage import save_sequences
from experiments.job import Job
from experiments.networks.checkpoints import save_model

with Job(snakemake) as job, fetch_again(snakemake.input.get("fetched")):
    params, results = snakemake.params, snakemake.output
    files = verified_files(snakemake.input.dataset, params.data)
    facts = job.facts(files.values())
    model = load_genomics_convnet(files["keras2_conv1d_record_5_model_PQzyq_modelWeights.h5"])
    save_model(model, results.model, params.builder, {}, facts)
    test = read_simdata(files["sequences.simdata.gz"], read_names(files["test.txt.gz"]))
    save_sequences(results.sequences, test, {"test": torch.arange(len(test.names))}, facts)
