"""Attribution maps to look at (Hesse et al. 2021, Sec. 4.4)."""
