"""Draw what the denoisers restore, and effective filters of single pixels."""

from experiments.denoising.figure import plot_denoising
from experiments.figures import load_drawing, save_figure
from experiments.intermediates import read_table
from experiments.job import Job

with Job(snakemake):
    files, params = snakemake.input, snakemake.params
    numbers = ["noise", "psnr_in", "psnr_out", "net_bias_percent", "filter_radius"]
    table = read_table(files.table, ["net"], numbers)
    pairs = zip(params.nets, files.drawings, strict=True)
    drawings = {net: load_drawing(path)[0] for net, path in pairs}
    figure = plot_denoising(table, drawings, params.shown, params.trained_up_to, params.reach)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
