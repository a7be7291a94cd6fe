"""The configuration at work: what rules ask for their inputs, their settings and their code."""

import json
import os
import shlex
from collections.abc import Callable, Mapping

from snakemake.exceptions import WorkflowError
from snakemake.io import local
from snakemake.iocontainers import Wildcards

from planning import entries, inputs
from planning.codedigest import Remembered
from planning.figures import Figure
from planning.mistakes import ConfigurationError, RequestError


class Plan:
    """Makes functions of the configuration and the wildcards into what Snakemake takes.

    What a user asked or configured wrongly ends the call with its message (WorkflowError).
    """

    def __init__(
        self,
        configuration: Mapping,
        digests: Remembered,
        is_made: Callable[[str], bool] = lambda path: False,
    ):
        """is_made: whether a rule of a workflow that imports this one makes a file."""
        self.configuration = configuration
        self._digests = digests
        self._is_made = is_made

    def input(self, function: Callable, *fixed: object) -> Callable:
        """An input function from one of `planning.inputs`."""
        return lambda wildcards: self._ask(function, wildcards, *fixed)

    def given_file(self, key: str) -> Callable:
        """The user's file under this key of the corpus, where the user said, whatever storage."""
        return self.given(
            lambda configuration, asked, is_made: inputs.given_file(
                configuration, asked, key, is_made
            )
        )

    def given(self, function: Callable) -> Callable:
        """An input function whose file is the user's own, whatever storage results have."""
        ask = self.input(function, self._is_made)
        return lambda wildcards: local(path) if (path := ask(wildcards)) else []

    def local_input(self, function: Callable) -> Callable:
        """The same of files that a user may have given, where they are, whatever storage; what is
        made in results/ goes the way of all results."""
        ask = self.input(function)
        return lambda wildcards: _local(ask(wildcards))

    def settings(self, function: Callable, *fixed: object) -> Callable:
        """The `settings` parameter from one of `planning.slices`: one text for equal values."""
        return lambda wildcards: canonical(self._ask(function, wildcards, *fixed))

    def resource(self, function: Callable) -> Callable:
        """A resource from one of `planning.resources`."""
        return self.input(function)

    def of_run(self, key: str) -> Callable:
        """A setting of the run."""
        return self.input(
            lambda configuration, asked: entries.run(configuration, asked["run"])[key]
        )

    def code(self, script: str, environment: str, *modules: str) -> str:
        """The `code` parameter of a rule: the digest of its program, by its path, in this
        environment, and of modules that it finds while it runs."""
        return self._digests.job_digest(script, environment, *modules)

    def drawing(self, figure: Figure) -> str:
        """The `code` parameter of a figure."""
        return self.code("figures/draw_figure.py", "figures", figure.module)

    def _ask(self, function: Callable, wildcards: Wildcards, *fixed: object) -> object:
        try:
            return function(self.configuration, dict(wildcards.items()), *fixed)
        except RequestError as error:
            raise WorkflowError(str(error)) from None
        except ConfigurationError as error:
            raise WorkflowError(f"Wrong configuration.\n{error}") from None


def _local(found: str | list[str]) -> object:
    if isinstance(found, list):
        return [_local(path) for path in found]
    return found if found.startswith("results/") else local(found)


def canonical(settings: object) -> str:
    """One text for equal settings, whatever the order of their keys.

    The report takes it up in a script, which a `</script>` in it would end.
    """
    return json.dumps(settings, sort_keys=True).replace("<", "\\u003c")


def options(wildcards: object, input: object) -> str:
    """The named inputs of a rule as options of its program, quoted for the shell."""
    return " ".join(f"--{name} {shlex.quote(str(path))}" for name, path in input.items())


def shell_prefix(scripts: str, python: str | None, in_bucket: bool, verify_files: bool) -> str:
    """What stands before the command of every job.

    Every job knows where the scripts are, wherever results are kept, and runs them with the Python
    that runs Snakemake, whatever PATH a node has; with `--sdm`, with that of the declared
    environment (None). What changes no byte of a result is no parameter either.
    """
    # Braces are doubled for Snakemake, which takes others for wildcards.
    path = 'export PYTHONPATH="$scripts${{PYTHONPATH:+:$PYTHONPATH}}"'
    parts = [f"scripts={shlex.quote(scripts)}", path]
    if python is not None:
        parts.append(f"PATH={shlex.quote(os.path.dirname(python))}:$PATH")
    if in_bucket:  # records of files would not go along with them
        parts.append("export FIMBULWINTER_PROVENANCE=none")
    elif not verify_files:
        parts.append("export FIMBULWINTER_PROVENANCE=unverified")
    return "; ".join(parts) + "; "
