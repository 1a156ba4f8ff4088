"""Gradients along the path from the baseline, and around an image (Sundararajan et al. 2017)."""
