"""The files of the configuration and `--config`, read strictly before Snakemake takes them.

`profiles/default` asks the same of the command line, for some mistakes end Snakemake before it comes
to this file.
"""

import runpy
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

# `workflow.basedir` would be the folder of a Snakefile that imports this one.
SOURCES = workflow.sourcecache.get_path(workflow.current_basedir.join("../planning/sources.py"))
ROOT = runpy.run_path(SOURCES)["root"](workflow.current_basedir)

# What is planned here, and the library, whose records of files are read.
sys.path[:0] = [f"{ROOT}/workflow", f"{ROOT}/workflow/scripts"]

from planning import documents, imported
from planning.mistakes import ConfigurationError

OWN_CONFIGURATION = [f"{ROOT}/config/{name}.yaml" for name in ("config", "verdicts")]

try:
    documents.check_files(OWN_CONFIGURATION)
    # What Snakemake hands over as text within lists and mappings is typed again, by common.smk.
    TYPED_CONFIG = {}
    if imported.reads_command_line(workflow, config):
        documents.check_files(workflow.overwrite_configfiles)
        TYPED_CONFIG = documents.typed(workflow.config_settings.config_args or ())
except ConfigurationError as error:
    raise WorkflowError(f"Wrong configuration.\n{error}") from None
