"""The workflow as a module of another one: which configuration it has, and what it leaves alone."""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from planning.mistakes import ConfigurationError, found

if TYPE_CHECKING:
    from snakemake.workflow import Workflow  # it imports what imports it

HINT = (
    "This is the configuration that the module is given. A workflow that has keys of its own gives "
    'the module a section, for instance `config: config["fimbulwinter"]`.'
)


def is_given_configuration(workflow: "Workflow") -> bool:
    """Whether another Snakefile says `config:`; Snakemake then passes over every `configfile:`."""
    return workflow.modifier.skip_configfile


def reads_command_line(workflow: "Workflow", config: Mapping) -> bool:
    """Whether `--configfile` and `--config` speak to this workflow: not if it is a module that is
    given something else than the whole configuration of the Snakefile that was called."""
    of_the_call = workflow.modifier_stack[0].globals["config"]
    return not is_given_configuration(workflow) or config is of_the_call


def laid_over(files: Iterable[Path | str], given: object) -> dict:
    """What a module is given on top of these files, as `--configfile` would lay it.

    What is given stays as it is, for it belongs to another workflow.
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"`config:` of the module is {found(given)}; expected a mapping.")
    configuration = {}
    for path in files:
        update_config(configuration, load_configfile(path))
    update_config(configuration, copy.deepcopy(dict(given)))
    return configuration


def own_shell(shell: type, prefix: str) -> type:
    """Snakemake's `shell` for the rules of one workflow alone: others keep what they have.

    A rule's command is called by the name `shell` of the Snakefile that it stands in.
    """
    own = type(shell.__name__, (shell,), {})
    own.prefix(prefix)
    return own
