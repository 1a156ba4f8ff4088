"""The figures. Each function takes a tidy table, or maps by name, and returns a figure."""

from xgradient.plotting.attribution_maps import plot_attribution_maps
from xgradient.plotting.contrast import plot_contrast
from xgradient.plotting.convergence import plot_convergence
from xgradient.plotting.digits import plot_digit_conversion, plot_digit_example
from xgradient.plotting.genomics import plot_motif_hits
from xgradient.plotting.masking import plot_masked_images, plot_masking_curves
from xgradient.plotting.priors import plot_eg_references, plot_prior_auc, plot_prior_cost
from xgradient.plotting.style import save_figure
from xgradient.plotting.toys import plot_toys

__all__ = [
    "plot_attribution_maps",
    "plot_contrast",
    "plot_convergence",
    "plot_digit_conversion",
    "plot_digit_example",
    "plot_eg_references",
    "plot_masked_images",
    "plot_masking_curves",
    "plot_motif_hits",
    "plot_prior_auc",
    "plot_prior_cost",
    "plot_toys",
    "save_figure",
]
