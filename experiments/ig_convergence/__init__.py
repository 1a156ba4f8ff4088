"""Convergence of IG with the number of steps (Hesse et al. 2021, appendix)."""
