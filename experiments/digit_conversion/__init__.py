"""Digit conversion on MNIST (Shrikumar et al. 2017, Sec. 4.1)."""
