"""The experiments in plain Python: files in, data frames out.

They import the library `xgradient`, but not Snakemake.
"""

import gc
import sys

# In a script of Snakemake, which gives it this name, the imports that follow make several hundred
# thousand objects, all of which stay. To look through them for garbage again and again is a quarter
# of the time that importing torch takes. `experiments.job.Job` switches the collector on again.
if hasattr(sys.modules["__main__"], "snakemake"):
    gc.disable()
