"""The identity of every file of the workflow: one digest of all that decides its content.

It covers what its rule is given (settings, digest of code, wildcards) and the identities of the
rule's inputs, down to the bytes of the user's own files. Two files of one identity are equal, and
a file whose record tells of another one was made from something else, whatever Snakemake remembers:
a step that failed, was killed or was never asked leaves nothing that passes for its result.
"""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from snakemake.exceptions import InputFunctionException, WorkflowError
from snakemake.iocontainers import Wildcards
from snakemake.rules import Rule

from deadtokens.files.checksums import Checksums
from planning import memory as memory_file

PARAMETER = "identity"


class Identities:
    """The identities of the files that these rules make, and of those that they are given.

    memory: a file that keeps digests of given files for as long as their size, time of change and
    inode stay. Raises WorkflowError where an input function does, or where a given file is missing.
    """

    def __init__(self, rules: Sequence[Rule], memory: Path):
        self._rules = list(rules)
        self._digests = FileDigests(memory)
        self._known: dict[tuple, str] = {}

    def of_job(self, rule: Rule, wildcards: Mapping[str, str]) -> str:
        """The identity of what this rule makes for these wildcards."""
        key = rule.name, tuple(sorted(wildcards.items()))
        if key not in self._known:
            inputs = _with_reason(lambda: rule.expand_input(dict(wildcards))[0])
            parts = {
                "given": _given(rule, Wildcards(fromdict=dict(wildcards))),
                "wildcards": dict(wildcards),
                "inputs": [self.of_file(str(path)) for path in inputs],
            }
            text = json.dumps(parts, sort_keys=True)
            self._known[key] = hashlib.sha256(text.encode()).hexdigest()
        return self._known[key]

    def of_file(self, path: str) -> str:
        """The identity of a file: that of the job that makes it, or its content's digest."""
        producer = self.producer(path)
        if producer is None:
            return self._digests.of(Path(path))
        return self.of_job(producer, producer.get_wildcards(path))

    @functools.cache  # noqa: B019  one object for the whole call of Snakemake
    def producer(self, path: str) -> Rule | None:
        """The rule that makes this file, None if no rule does."""
        return next((r for r in self._rules if any(o.match(path) for o in r.output)), None)


def carry(rules: Iterable[Rule], identities: Identities) -> None:
    """Give every rule the parameter, which its program writes into the record of what it makes."""
    for rule in rules:
        rule.set_params(**{PARAMETER: _parameter(rule, identities)})


def _parameter(rule: Rule, identities: Identities) -> Callable[[Wildcards], str]:
    return lambda wildcards: identities.of_job(rule, dict(wildcards.items()))


def _given(rule: Rule, wildcards: Wildcards) -> list[str]:
    """What a rule's parameters are, but for the identity itself."""
    values = []
    for name, value in rule.params.items():
        if name == PARAMETER:
            continue
        if callable(value):
            if len(inspect.signature(value).parameters) > 1:
                continue  # made from inputs or outputs, which count by themselves
            value = _with_reason(functools.partial(value, wildcards))
        values.append(f"{name}={value}")
    return values


def _with_reason(call: Callable):
    """What a call returns; the reason of an input function's failure, and nothing around it."""
    try:
        return call()
    except InputFunctionException as error:
        raise WorkflowError(str(error.__context__ or error)) from None


class FileDigests:
    """Digests of files that no rule makes, kept for as long as they look the same."""

    def __init__(self, memory: Path):
        self._memory = memory
        self._kept: dict[str, list] = memory_file.recall(memory)

    def of(self, path: Path) -> str:
        """The digest of a file's content; WorkflowError if it cannot be read."""
        try:
            stat = path.stat()
            looks = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
            kept = self._kept.get(str(path))
            if not isinstance(kept, list) or kept[:-1] != looks:
                kept = self._kept[str(path)] = [*looks, Checksums.of(path).digest]
                memory_file.keep(self._memory, self._kept)
        except OSError as error:
            raise WorkflowError(
                f"{path}: {error.strerror}. What is asked for is made from this file, and no rule "
                "makes it. Check the path, or give another file."
            ) from None
        return kept[-1]
