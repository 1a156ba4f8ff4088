"""Training with attribution priors (Hesse et al. 2021, Sec. 4.3)."""
