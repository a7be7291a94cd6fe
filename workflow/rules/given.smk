"""The files of the configuration and `--config`, read strictly before Snakemake takes them.

`profiles/default` asks the same of the command line, for some mistakes end Snakemake before it comes
to this file.
"""

import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

# What is planned here, and the library, whose records of files are read.
sys.path[:0] = [f"{workflow.basedir}/workflow", f"{workflow.basedir}/workflow/scripts"]

from planning import documents
from planning.mistakes import ConfigurationError

OWN_CONFIGURATION = [f"{workflow.basedir}/config/{name}.yaml" for name in ("config", "verdicts")]

try:
    documents.check_files([*OWN_CONFIGURATION, *workflow.overwrite_configfiles])
    # What Snakemake hands over as text within lists and mappings is typed again, by common.smk.
    TYPED_CONFIG = documents.typed(workflow.config_settings.config_args or ())
except ConfigurationError as error:
    raise WorkflowError(f"Wrong configuration.\n{error}") from None
