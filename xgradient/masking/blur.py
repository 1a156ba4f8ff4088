"""The blurred copies that replace pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from xgradient._inputs import check_images


def blur_size_for(side: int) -> tuple[int, float]:
    """Blur of the published evaluation, scaled to another image size.

    Parameters
    ----------
    side : int
        Side of the image in pixels; of a rectangle, the shorter one.

    Returns
    -------
    kernel_size : int
        The odd number nearest to 51/224 of the side, at least 3.
    sigma : float
        41/224 of the side, in pixels.
    """
    return max(3, 51 * side // 448 * 2 + 1), side * 41 / 224


def blur(inputs: Tensor, kernel_size: int = 51, sigma: float = 41.0) -> Tensor:
    """Blur images the way the published evaluation does.

    The kernel is ``exp(-((i - c) / (2 * sigma)) ** 2)`` per axis, normalised to sum one, and the
    borders are reflected. This is the released code's formula: the factor two stands inside the
    square, so the standard deviation is ``sqrt(2) * sigma`` (58 pixels for 41), and a kernel of 51
    pixels is nearly a box.

    Parameters
    ----------
    inputs : Tensor of shape (N, C, H, W)
        Images, normalised as the net takes them.
    kernel_size : int
        Width of the kernel in pixels, odd and at least 3.
    sigma : float
        Width parameter in pixels.

    Returns
    -------
    Tensor of shape (N, C, H, W)
        Blurred images.

    Raises
    ------
    ValueError
        If the kernel is even, too small, or too wide to reflect the border of the image.

    See Also
    --------
    blur_size_for : kernel and sigma for images that are not 224 pixels wide.
    """
    check_images(inputs)
    if kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and at least 3, got {kernel_size}")
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    height, width = inputs.shape[-2:]
    if kernel_size // 2 >= min(height, width):
        raise ValueError(
            f"a kernel of {kernel_size} pixels reflects {kernel_size // 2} pixels at the border, "
            f"which an image of {height} x {width} pixels does not have; choose a kernel_size of "
            f"at most {2 * min(height, width) - 1} (see blur_size_for)"
        )
    # Reflecting and convolving are linear, so each axis is one small matrix product.
    rows = _blur_matrix(height, kernel_size, sigma).to(inputs)
    columns = _blur_matrix(width, kernel_size, sigma).to(inputs)
    return rows @ inputs @ columns.T


def _blur_matrix(side: int, kernel_size: int, sigma: float) -> Tensor:
    """Matrix (side, side) that reflects the border and convolves, in float64."""
    radius = kernel_size // 2
    offsets = torch.arange(-radius, radius + 1)
    kernel = torch.exp(-((offsets.double() / (2 * sigma)) ** 2))
    positions = (torch.arange(side)[:, None] + offsets).abs()
    positions = side - 1 - (side - 1 - positions).abs()
    matrix = torch.zeros(side, side, dtype=torch.float64)
    return matrix.scatter_add_(1, positions, (kernel / kernel.sum()).expand(side, -1))
