# The configuration files as text, before Snakemake reads config.yaml: of a section that is given twice
# it keeps only the last, and a file that is not UTF-8 it answers with a traceback.
import os

from snakemake.exceptions import WorkflowError

from experiments.config_source import ConfigFileError, check_config_file

# Of a workflow that uses this one as a module and hands over a part of its configuration, the files
# are its own affair.
whole = config is workflow.modifier_stack[0].globals["config"]

# Jobs read the files that the main process has checked.
if workflow.is_main_process:
    try:
        for path in (f"{CHECKOUT}/config.yaml", *(workflow.configfiles if whole else ())):
            if os.path.exists(path):
                check_config_file(path)
    except ConfigFileError as error:
        raise WorkflowError(str(error))
