"""The workflow as a call of Snakemake would have it, for commands that plan no job."""

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings
from snakemake.utils import update_config

from planning import documents
from planning.identity import Identities, is_ours
from planning.mistakes import ConfigurationError
from planning.plan import Plan

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"


@dataclass(frozen=True)
class Loaded:
    """The plan of a configuration, and the identities of what it would make."""

    plan: Plan
    identities: Identities

    def identity(self, path: str) -> str | None:
        """What decides the file of this path, as it would be made now; None if no rule makes it.

        WorkflowError if its run is unknown, or a given file cannot be read.
        """
        producer = self.identities.producer(path)
        if producer is None or not is_ours(producer):
            return None
        return self.identities.of_file(path)


def add_options(arguments: argparse.ArgumentParser) -> None:
    """The options of `snakemake` that say which configuration is meant."""
    arguments.add_argument("--configfile", nargs="+", type=Path, default=[], metavar="FILE")
    arguments.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE")


@contextlib.contextmanager
def loaded(configfiles: list[Path], config: list[str]) -> Iterator[Loaded]:
    """The workflow with this configuration, in the working folder; WorkflowError if it is wrong."""
    try:
        documents.check_files(configfiles)
        given = documents.typed(config)
    except ConfigurationError as error:
        raise WorkflowError(f"Wrong configuration.\n{error}") from None
    overwrite = {}
    for path in configfiles:
        update_config(overwrite, load_configfile(path))
    plain = [entry.partition("=")[::2] for entry in config]
    update_config(overwrite, {key: value for key, value in plain if key not in given})
    update_config(overwrite, given)
    settings = ConfigSettings(
        config=overwrite, configfiles=[path.absolute() for path in configfiles], config_args=config
    )
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        of_api = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=settings,
            snakefile=SNAKEFILE,
        )
        workflow = of_api._workflow  # the only way to what a Snakefile defines, without a run
        yield Loaded(workflow.globals["plan"], workflow.globals["identities"])
