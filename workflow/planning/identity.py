"""The identity of every file of the workflow: one digest of all that decides its content.

It covers what its rule is given (settings, digest of code, wildcards) and the identities of the
rule's inputs, down to the bytes of the user's own files. Two files of one identity are equal, and
a file whose record has another one was made from something else, whatever Snakemake remembers:
a job that failed, was killed or was never asked leaves nothing that passes for its result.

As a module, this workflow stands among rules of others. Those get no identity, and none is asked of
what they make, unless a rule of ours needs it: then it is what is known of how it is made.
"""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from snakemake.exceptions import InputFunctionException, WorkflowError
from snakemake.iocontainers import Wildcards
from snakemake.rules import Rule
from tqdm import tqdm

from deadtokens.errors import UserError
from deadtokens.files import digests
from planning import memory as memory_file

PARAMETER = "identity"
LARGE = 1 << 28  # bytes: of larger files it is shown that they are being read
PASSED_ON = f"{{params.{PARAMETER}}}"


class Identities:
    """The identities of the files that these rules make, and of those that they are given.

    rules: all of the workflow, as a view, for more of them may follow. memory: a file that keeps
    digests of given files for as long as their size, time of change and inode stay. Raises
    WorkflowError where an input function of ours does, or where a given file is missing.
    """

    def __init__(self, rules: Collection[Rule], memory: Path):
        self._rules = rules
        self._digests = FileDigests(memory)
        self._known: dict[tuple, str] = {}
        self._others_open: set[str] = set()  # rules of others that are being looked at

    def carry(self) -> None:
        """Give every rule of ours that lacks it the parameter, which its program writes into the
        record of what it makes."""
        for rule in self._rules:
            if is_ours(rule) and rule.params.get(PARAMETER) is None:
                rule.set_params(**{PARAMETER: self._parameter(rule)})

    def of_job(self, rule: Rule, wildcards: Mapping[str, str]) -> str:
        """The identity of what this rule makes for these wildcards."""
        key = rule.name, tuple(sorted(wildcards.items()))
        if key not in self._known:
            inputs = _with_reason(lambda: rule.expand_input(dict(wildcards))[0])
            parts = {
                **({} if is_ours(rule) else {"made by": _made_by(rule)}),
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
        if producer is None or producer.name in self._others_open:
            return self._digests.of(Path(path))
        if not is_ours(producer):
            return self._of_others(path, producer)
        return self.of_job(producer, producer.get_wildcards(path))

    @functools.cache  # noqa: B019  one object for the whole call of Snakemake
    def producer(self, path: str) -> Rule | None:
        """The rule that makes this file, ours rather than another; None if no rule does."""
        makers = [rule for rule in self._rules if _makes(rule, path)]
        return min(makers, key=lambda rule: not is_ours(rule), default=None)

    def _parameter(self, rule: Rule) -> Callable[[Wildcards], str]:
        return lambda wildcards: self.of_job(rule, dict(wildcards.items()))

    def _of_others(self, path: str, rule: Rule) -> str:
        """What is known of a file that another rule makes, before and after it is made.

        If that rule cannot be asked, the content of a file that is there already, or its path.
        """
        self._others_open.add(rule.name)
        try:
            return self.of_job(rule, rule.get_wildcards(path))
        except Exception:  # whatever functions of others raise
            if Path(path).is_file():
                return self._digests.of(Path(path))
            return hashlib.sha256(path.encode()).hexdigest()
        finally:
            self._others_open.discard(rule.name)


def is_ours(rule: Rule) -> bool:
    """Whether the rule hands its identity to a program, as all rules of this workflow do."""
    return PASSED_ON in (rule.shellcmd or "")


def is_made_elsewhere(rules: Iterable[Rule], path: str) -> bool:
    """Whether a rule of a workflow that imports this one makes the file."""
    return any(_makes(rule, path) for rule in rules if not is_ours(rule))


def _makes(rule: Rule, path: str) -> bool:
    return any(output.match(path) for output in rule.output)


def _made_by(rule: Rule) -> list[str]:
    """What another workflow's rule runs, as far as it is written in its Snakefile."""
    source = rule.run_func_src if rule.run_func is not None and not rule.norun else None
    return [str(of) for of in (rule.shellcmd, rule.script, rule.notebook, rule.wrapper, source)]


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
        # Objects of others may show where they lie in memory.
        values.append(f"{name}={value if is_ours(rule) else _shown(value)}")
    return values


def _shown(value: object) -> str:
    return json.dumps(value, default=lambda of: type(of).__name__)


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
                found = digests.checksums(path, self._progress(path, stat.st_size))
                kept = self._kept[str(path)] = [*looks, found.digest]
                memory_file.keep(self._memory, self._kept)
        except OSError as error:
            raise WorkflowError(
                f"{path}: {error.strerror}. What is asked for is made from this file, and no rule "
                "makes it. Check the path, or give another file."
            ) from None
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return kept[-1]

    def _progress(self, path: Path, size: int) -> Callable[[int], None]:
        """What is shown while a large file is read, which takes its time: once, then it is kept."""
        if size < LARGE:
            return lambda done: None
        bar = tqdm(
            total=size, unit="B", unit_scale=True, desc=f"digest of {path.name}", disable=None
        )
        return lambda done: bar.update(done - bar.n)
