"""The digit conversion of DeepLIFT on MNIST (Shrikumar et al. 2017, Sec. 4.1): network, scores."""

from xgradient.digits.conversion import (
    DIGIT_METHODS,
    DIGIT_TASKS,
    ERASING_RULES,
    N_ERASED,
    DigitConversion,
    convert_digits,
    erase_pixels,
    pixels_to_erase,
)
from xgradient.digits.network import digit_convnet, load_digit_convnet, scale_input

__all__ = [
    "DIGIT_METHODS",
    "DIGIT_TASKS",
    "ERASING_RULES",
    "N_ERASED",
    "DigitConversion",
    "convert_digits",
    "digit_convnet",
    "erase_pixels",
    "load_digit_convnet",
    "pixels_to_erase",
    "scale_input",
]
