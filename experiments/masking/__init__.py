"""Masking metrics (Hesse et al. 2021, Sec. 4.2)."""
