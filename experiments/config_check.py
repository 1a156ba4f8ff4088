"""Check configuration files without running anything: ``python -m experiments.config_check FILE``.

Snakemake itself reads the files of ``--configfile`` before any line of this project runs, and
answers some mistakes, such as a file that is not UTF-8, with a traceback. This says them in one
line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from experiments.config import ConfigError, check_config
from experiments.config_source import ConfigFileError, read_config_file
from experiments.data.catalogue import CatalogueError
from experiments.settings import merge

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check configuration files as Snakemake merges them, later ones over earlier ones."""
    parser = argparse.ArgumentParser(description="Check files for --configfile, merged in order.")
    parser.add_argument("files", type=Path, metavar="FILE", nargs="+")
    try:
        check_config(reduce(merge, map(read_config_file, parser.parse_args(arguments).files), {}))
    except (CatalogueError, ConfigError, ConfigFileError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("The configuration is valid.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
