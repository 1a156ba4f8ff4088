"""The experiments in plain Python: files in, data frames out.

They import the library `xgradient`, but not Snakemake.
"""
