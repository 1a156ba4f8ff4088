# The configuration files as text, before Snakemake reads config.yaml: of a section that is given twice
# it keeps only the last, and a file that is not UTF-8 it answers with a traceback.
import os
import sys

from snakemake.exceptions import WorkflowError

# The code of this checkout runs, also where another version of it is installed.
if sys.path[0] != workflow.basedir:
    sys.path.insert(0, workflow.basedir)

from experiments.config_source import ConfigFileError, check_config_file

# Jobs read the files that the main process has checked.
if workflow.is_main_process:
    try:
        for path in (f"{workflow.basedir}/config.yaml", *workflow.configfiles):
            if os.path.exists(path):
                check_config_file(path)
    except ConfigFileError as error:
        raise WorkflowError(str(error))
