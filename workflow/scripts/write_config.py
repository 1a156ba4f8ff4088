"""Write the merged configuration (rule write_config)."""

import yaml

from experiments.writing import write_text

write_text(snakemake.output[0], yaml.safe_dump(snakemake.params.config, sort_keys=False))
