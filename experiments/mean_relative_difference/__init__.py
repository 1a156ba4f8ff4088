"""Mean absolute relative difference between IG and Input×Gradient (Hesse et al. 2021, Sec. 4.1)."""
