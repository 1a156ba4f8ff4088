"""Accuracy against contrast (Hesse et al. 2021, Sec. 4.4)."""
