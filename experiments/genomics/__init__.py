"""Simulated genomics (Shrikumar et al. 2017, Sec. 4.2)."""
