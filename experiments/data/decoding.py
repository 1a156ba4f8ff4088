"""From an image file to RGB bytes, and to the view of a network.

Files are decoded with Pillow and resized as Pillow images, since published accuracies on ImageNet
were measured like that, by torchvision's ImageFolder and transforms. The decoders and the resizing
of `torchvision.io` and of tensors differ from these in the last bits.

As in that protocol, transparency is ignored (the colours stored under it show), the rotation that
a camera notes in EXIF data is not applied unless asked for, and CMYK is converted without a colour
profile, from the inverted values that Adobe introduced. One thing differs: grey images of 16 bits
are scaled to 8 bits, where Pillow's conversion would clip most of them to white.

torchvision is imported by the functions that use it: it imports the compiler of torch, which takes
longer than all else that a job imports, and most jobs read images that were decoded before.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from experiments.data.preprocessing import Preprocessing

__all__ = ["ImageFileError", "read_image", "read_rgb", "view"]

# Of Pillow's formats only these: some others start programs, such as that of PostScript. JPEG
# includes the files of several images, MPO, that some cameras write.
_FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
# Beyond OSError and ValueError, what Pillow's readers raise on damaged files.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class ImageFileError(ValueError):
    """A file is not an image that can be read; the message names it."""


def _grey_of_16_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError(f"grey values from {values.min()} to {values.max()} have no known white")
    # The nearest of 256 levels: v * 255 / 65535 = v / 257.
    return Image.fromarray(((values.astype(np.int64) + 128) // 257).astype(np.uint8))


def read_image(path: str | Path, orient: bool = False) -> Image.Image:
    """Read an image file as RGB; of an animation the first frame.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG, PPM, BMP, TIFF, WebP or GIF file, whatever its suffix says.
    orient : bool
        Whether to rotate the image as its EXIF data asks for. The reference protocol does not.

    Returns
    -------
    PIL.Image.Image
        Mode RGB.

    Raises
    ------
    ImageFileError
        If the file is missing, empty, truncated, damaged, not an image, or of more pixels than
        Pillow considers safe (89 million).
    """
    try:
        with warnings.catch_warnings():
            # Of palettes with transparency and of odd metadata, neither of which matters here.
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                image.load()
                if orient:
                    ImageOps.exif_transpose(image, in_place=True)
                if image.mode == "F":
                    raise ValueError("floating-point pixels have no known white")
                if image.mode == "I" or image.mode.startswith("I;16"):
                    return _grey_of_16_bits(image).convert("RGB")
                return image.convert("RGB")
    except FileNotFoundError as error:
        raise ImageFileError(f"{path} does not exist: unpack the data set again") from error
    except _UNREADABLE as error:
        empty = Path(path).is_file() and not Path(path).stat().st_size
        # Pillow repeats the path where it does not know the format.
        said = " ".join(str(error).replace(f" {str(path)!r}", "").split())
        reason = "the file is empty" if empty else said or type(error).__name__
        raise ImageFileError(
            f"{path} cannot be read as an image: {reason}; replace the file"
        ) from error


def _bytes(image: Image.Image) -> Tensor:
    from torchvision.transforms.v2 import functional

    tensor: Tensor = functional.pil_to_tensor(image)
    return tensor


def read_rgb(path: str | Path, orient: bool = False) -> Tensor:
    """Read an image file as a tensor, uint8 (3, H, W); see `read_image`."""
    return _bytes(read_image(path, orient))


def view(image: Image.Image, preprocessing: Preprocessing) -> Tensor:
    """Bring an image to the size that a network takes.

    The shorter side is resized, bilinear with antialiasing, and the centre is cut out, bit for bit
    as torchvision's Resize and CenterCrop do with a Pillow image.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    preprocessing : Preprocessing
        Of the network; its ``resize`` and ``crop`` apply.

    Returns
    -------
    torch.Tensor
        uint8 (3, crop, crop).
    """
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    resize, crop = preprocessing.resize, preprocessing.crop
    if resize is not None:
        image = functional.resize(image, [resize], InterpolationMode.BILINEAR, antialias=True)
    if crop is not None:
        image = functional.center_crop(image, [crop, crop])
    return _bytes(image)
