"""The experiments in plain Python: files in, data frames out.

They know the library `xgradient`; they do not know Snakemake.
"""
