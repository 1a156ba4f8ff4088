"""Accuracy of regular, stripped and X networks (Hesse et al. 2021, Sec. 4.1)."""
