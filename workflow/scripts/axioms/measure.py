"""Search for counter-examples to every axiom, for every method."""

from experiments.attributions import load_attributions
from experiments.axioms.examples import describe, tensors
from experiments.axioms.run import measure
from experiments.files import save_tensors
from experiments.job import Job
from experiments.writing import write_csv

with Job(snakemake) as job:
    params, output = snakemake.params, snakemake.output
    methods = load_attributions(params.methods)
    table, examples = measure(methods, params.convolution, params.n_nets, job.seed)
    write_csv(output.csv, table)
    write_csv(output.examples, describe(examples))
    save_tensors(output.nets, tensors(examples), job.facts())
    job.write_facts(output.facts)
