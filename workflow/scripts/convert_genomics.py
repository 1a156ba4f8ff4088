"""Read the authors' released network and test sequences (rule convert_genomics)."""

import torch

from experiments.files import save_tensors, verified_files
from experiments.genomics.network import load_genomics_convnet
from experiments.genomics.run import save_sequences
from experiments.genomics.simulation import read_names, read_simdata
from experiments.job import Job

with Job(snakemake) as job:
    files = verified_files(snakemake.input.dataset, snakemake.params.data)
    facts = job.facts(files.values())
    model = load_genomics_convnet(files["keras2_conv1d_record_5_model_PQzyq_modelWeights.h5"])
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_tensors(snakemake.output.model, weights, facts)
    test = read_simdata(files["sequences.simdata.gz"], read_names(files["test.txt.gz"]))
    save_sequences(snakemake.output.sequences, test, {"test": torch.arange(len(test.names))}, facts)
