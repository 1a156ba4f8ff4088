"""Masking metrics: how well an attribution ranks the pixels that matter.

An image keeps the pixels that an attribution ranks first (or last) among those of one sign; every
other pixel is replaced by its value in a blurred copy, and the net is evaluated. The metric is
the area under the score as a function of the fraction of pixels kept (Hesse, Schaub-Meyer and Roth
2021, Sec. 4.2). The definitions below follow the released evaluation where the paper leaves room.

With ``a`` the mean of the attribution over the channels and ``n = H * W`` pixels:

========  ===============  ======================================  =====================
curve     signal           the ``k`` pixels that are kept          score
========  ===============  ======================================  =====================
``KPM``   ``a``            largest                                 target logit
``KNM``   ``-a``           largest                                 target logit
``KAM``   ``|a|``          largest                                 top-1 correctness
``RPM``   ``a``            smallest that are not zero              target logit
``RNM``   ``-a``           smallest that are not zero              target logit
``RAM``   ``|a|``          smallest that are not zero              top-1 correctness
========  ===============  ======================================  =====================

``P = max(signal, 0)``, ``n_plus = #(P > 0)`` and ``k = int(min(f * n, n_plus))`` for a fraction
``f``. A pixel of value zero or of the wrong sign is replaced at every fraction, also at ``f = 1``.

Equal values: the pixel that comes first in row-major order counts as the larger one. The released
code leaves this to ``torch.topk``, whose choice among equal values is not defined; with this rule
"remove" is the exact complement of "keep" within the pixels of the right sign.

One sort of ``|a|`` ranks all three signals, since the order of ``|a|`` restricted to the positive
(negative) pixels is the order of ``a`` (``-a``). A mask is then a comparison of ranks. Each image
is evaluated by itself: which images share a call does not change its scores, to the last bit.

Masked images lie outside the distribution that the net was trained on, and the metrics inherit
how the net reacts to that: compare attribution methods within a net, not nets with each other. The
single deletion score of a net that was trained on images with a deleted cell does not have this
restriction (Hesse, Schaub-Meyer and Roth 2024).
"""

from xgradient.masking.area import area_under_curve
from xgradient.masking.blur import blur, blur_size_for
from xgradient.masking.curves import CURVES, MaskingCurves, kept_pixels, masking_curves
from xgradient.masking.insertion_deletion import InsertionDeletion, insertion_deletion
from xgradient.masking.ranking import channel_mean
from xgradient.masking.single_deletion import (
    deletion_effects,
    grid_cells,
    single_deletion_score,
)

__all__ = [
    "CURVES",
    "InsertionDeletion",
    "MaskingCurves",
    "area_under_curve",
    "blur",
    "blur_size_for",
    "channel_mean",
    "deletion_effects",
    "grid_cells",
    "insertion_deletion",
    "kept_pixels",
    "masking_curves",
    "single_deletion_score",
]
