"""The configuration: checked against its schema, `like:` resolved, defaults filled in.

Every mistake that can be seen without running anything is found here, before any job, and told in
one message that names the key, what was found and what is allowed.
"""

import copy
import math
import re
from collections.abc import Mapping
from pathlib import Path

import jsonschema
import yaml

from planning import checkpoint_artifacts, onsets, sweeps
from planning.checkpoint_artifacts import DECIDING_MOTION
from planning.mistakes import ConfigurationError, check_known, nearest, told

FILE_KEYS = (
    "model_corpus_file",
    "tokenizer_corpus_file",
    "tokenizer_file",
    "vocab_file",
    "merges_file",
    "mask_file",
)
# A question without a rule.
NO_RULE = {
    **dict.fromkeys(
        ("run", "file", "value", "interval", "minus", "supported_if", "contradicted_if")
    ),
    **{"statistic": "", "unit": "", "divided_by": [], "never": "undecided", "needs_steps": 0},
}
CONDITIONS = ("at_least", "above", "at_most", "below", "equals")
SMALLEST_VOCABULARY_OF_BYTES = 257  # every byte, and <|endoftext|>
# Runs alike in these differ in what they record, and in no bit of the training.
DECIDING_TRAINING = (
    *DECIDING_MOTION,
    *("total_steps", "schedule_steps", "resume_run", "resume_step", "restore"),
)
# The same in C, of a PyYAML built with it, reads the schema in a seventh of the time.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_schema(path: Path) -> dict:
    """The JSON schema of the configuration, written as YAML."""
    return yaml.load(path.read_text("utf-8"), Loader=SAFE_LOADER)


def resolve(configuration: Mapping, schema: Mapping) -> dict:
    """The configuration with every key of every entry present; raises `ConfigurationError`."""
    _check_against_schema(configuration, schema)
    configuration, swept = _without_sweeps(configuration, schema)
    entries = schema["$defs"]
    resolved = {
        "corpora": _completed(configuration["corpora"], entries["corpus"]),
        "phase_schemes": _completed(configuration["phase_schemes"], entries["phase_scheme"]),
        "runs": _completed(_inherited(configuration["runs"]), entries["run"]),
        "sweeps": swept,
        "checkpoint_artifacts": _completed(
            configuration.get("checkpoint_artifacts", {}), entries["checkpoint_artifact"]
        ),
        "onsets": _completed(configuration.get("onsets", {}), entries["onset"]),
        "comparison": configuration.get(
            "comparison", schema["properties"]["comparison"]["default"]
        ),
        "published": _defaults(entries["published"]) | configuration.get("published", {}),
        "figures": _defaults(entries["figures"]) | configuration.get("figures", {}),
        "cluster": _defaults(entries["cluster"]) | configuration.get("cluster", {}),
        "drift": _defaults(entries["drift"]) | configuration.get("drift", {}),
        "freezing_causes": _defaults(entries["freezing_causes"])
        | configuration.get("freezing_causes", {}),
        "account": _defaults(entries["account"]) | configuration.get("account", {}),
        "report": _defaults(entries["report"]) | configuration.get("report", {}),
        "verdicts": _verdicts(configuration.get("verdicts", {}), entries),
    }
    resolved["comparison"] = sweeps.runs_in(resolved["comparison"], swept)
    for section in ("published", "report"):
        resolved[section]["runs"] = sweeps.runs_in(resolved[section]["runs"], swept)
    for onset in resolved["onsets"].values():
        onset["arms"] = {arm: sweeps.runs_in(of, swept) for arm, of in onset["arms"].items()}
    for name, corpus in resolved["corpora"].items():
        _check_corpus(f"corpora.{name}", corpus)
    for name, scheme in resolved["phase_schemes"].items():
        _check_phase_scheme(f"phase_schemes.{name}", scheme)
    for name in resolved["comparison"]:
        check_known("comparison", name, "runs", resolved)
    for name in resolved["published"]["runs"]:
        check_known("published.runs", name, "runs", resolved)
    for name in resolved["report"]["runs"]:
        check_known("report.runs", name, "runs", resolved)
    for table in ("checkpoint_artifacts", "onsets"):
        for name in resolved["report"][table]:
            check_known(f"report.{table}", name, table, resolved)
    _check_verdicts(resolved)
    _check_hidden_means(resolved)
    # A run before those that are like it, so that a mistake is told where it was made.
    for name in sorted(
        resolved["runs"], key=lambda name: len(_lineage(name, configuration["runs"]))
    ):
        _check_run(f"runs.{name}", resolved["runs"][name], resolved)
    for name, artifact in resolved["checkpoint_artifacts"].items():
        checkpoint_artifacts.check(f"checkpoint_artifacts.{name}", artifact, resolved)
    for name, onset in resolved["onsets"].items():
        onsets.check(f"onsets.{name}", onset, resolved)
    return resolved


def _without_sweeps(configuration: Mapping, schema: Mapping) -> tuple[dict, dict]:
    """The configuration with every sweep expanded and checked again, and the sweeps."""
    runs, swept = sweeps.expanded(configuration["runs"])
    configuration = {**configuration, "runs": runs}
    if swept:
        _check_against_schema(configuration, schema)
    return configuration, swept


def check_files(key: str, corpus: Mapping) -> None:
    """Raises `ConfigurationError` if files of a corpus are not there; `key` is the corpus's own."""
    missing = [
        f"{key}.{name} is {corpus[name]!r}, and there is no such file."
        for name in FILE_KEYS
        if corpus[name] is not None and not Path(corpus[name]).is_file()
    ]
    if missing:
        place = f"Paths are taken from the working directory, {Path.cwd()}."
        raise ConfigurationError("\n".join([*missing, place]))


def check_same_training(key: str, name: str, source: str, runs: Mapping) -> None:
    """Raises `ConfigurationError` unless two runs differ in nothing but in what they record."""
    for setting in DECIDING_TRAINING:
        if runs[name][setting] != runs[source][setting]:
            raise ConfigurationError(
                f"{key} is {source}, whose {setting} is {told(runs[source][setting])}; allowed: a "
                f"run of the same training as {name}, which has {told(runs[name][setting])}. Set "
                f"runs.{source}.{setting}, or {key} to null."
            )


def _check_against_schema(configuration: Mapping, schema: Mapping) -> None:
    _check_finite("", configuration)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(configuration)
    messages = [_explained(error) for error in sorted(errors, key=lambda error: error.json_path)]
    if messages:
        raise ConfigurationError("\n".join(messages))


def _check_finite(key: str, value: object) -> None:
    """No bound of a schema refuses NaN, for it compares with nothing."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            _check_finite(f"{key}.{name}".lstrip("."), item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"{key} is {value}; allowed: finite numbers.")


def _explained(error: jsonschema.ValidationError) -> str:
    key = ".".join(map(str, error.absolute_path)) or "the configuration"
    found, rule = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        place = f"{key}." if error.absolute_path else ""
        wrong = [name for name in found if name not in known]
        return "\n".join(f"{place}{name} is no known key. {nearest(name, known)}" for name in wrong)
    if error.validator == "enum":
        return f"{key} is {found!r}. {nearest(found, rule)}"
    if error.validator == "required":
        return f"{key} lacks {error.message.split()[0]}. It needs: {', '.join(rule)}."
    meaning = error.schema.get("description", "")
    return f"{key} is {found!r}; allowed: {allowed(error.schema)}.{_yaml_hint(error)} {meaning}"


def allowed(rule: Mapping) -> str:
    """A rule of the schema in words: type and bounds."""
    if "pattern" in rule:
        return f"names of the form {rule['pattern']}"
    kind = rule.get("type", "any value")
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
        "minItems": "entries at least",
        "minProperties": "entries at least",
        "maxItems": "entries at most",
    }
    words = [f"{text} {rule[name]}" for name, text in bounds.items() if name in rule]
    return ", ".join([kind if isinstance(kind, str) else " or ".join(kind), *words])


def _yaml_hint(error: jsonschema.ValidationError) -> str:
    """`1e-8` is text to YAML 1.1, which surprises everybody once."""
    try:
        float(error.instance)
    except (TypeError, ValueError):
        return ""
    is_text = isinstance(error.instance, str)
    return " YAML reads 1e-8 as text: write 1.0e-8." if is_text else ""


def _completed(entries: Mapping, rule: Mapping) -> dict:
    return {name: _defaults(rule) | copy.deepcopy(dict(entry)) for name, entry in entries.items()}


def _defaults(rule: Mapping) -> dict:
    properties = rule["properties"].items()
    return {key: copy.deepcopy(value["default"]) for key, value in properties if "default" in value}


def _verdicts(verdicts: Mapping, entries: Mapping) -> dict:
    """The section completed; every question asks the run that stands in for the one it names."""
    filled = _defaults(entries["verdicts"]) | copy.deepcopy(dict(verdicts))
    filled["chapters"] = _completed(filled["chapters"], entries["chapter"])
    filled["questions"] = _completed(filled["questions"], entries["question"])
    for question in filled["questions"].values():
        question["run"] = filled["runs"].get(question["run"], question["run"])
    return filled


def _inherited(runs: Mapping) -> dict:
    """Every run with what it takes over from the run it is `like`, and that one from its own."""
    inherited = {}
    for name in runs:
        entry = {}
        for ancestor in reversed(_lineage(name, runs)):
            entry |= runs[ancestor]
        entry.pop("like", None)
        inherited[name] = entry
    return inherited


def _lineage(name: str, runs: Mapping) -> list[str]:
    lineage = [name]
    while (parent := runs[lineage[-1]].get("like")) is not None:
        key = f"runs.{lineage[-1]}.like"
        if parent not in runs:
            raise ConfigurationError(
                f"{key} is {parent!r}, which is no run. {nearest(parent, runs)}"
            )
        if parent in lineage:
            circle = " -> ".join([*lineage, parent])
            raise ConfigurationError(f"{key} closes a circle: {circle}. Remove one `like:`.")
        lineage.append(parent)
    return lineage


def _check_corpus(key: str, corpus: Mapping) -> None:
    """All but whether files are there: only those of the corpora that are asked for must be."""
    given = [name for name in FILE_KEYS if corpus[name] is not None]
    if corpus["source"] == "synthetic":
        if given:
            raise ConfigurationError(
                f"{key}.{given[0]} is {corpus[given[0]]!r}, but {key}.source is 'synthetic', which "
                f"reads no file. Set {key}.source to 'files' or remove the key."
            )
        _check_vocab_size(key, corpus)
        return
    if "model_corpus_file" not in given:
        raise ConfigurationError(f"{key}.model_corpus_file is missing; `source: files` needs it.")
    for name, other in (("vocab_file", "merges_file"), ("merges_file", "vocab_file")):
        if name in given and other not in given:
            raise ConfigurationError(
                f"{key}.{name} is {corpus[name]!r}, but {key}.{other} is missing. GPT-2's "
                "tokenizer consists of both, vocab.json and merges.txt."
            )
    if "tokenizer_file" in given and "vocab_file" in given:
        raise ConfigurationError(
            f"{key} has two ready tokenizers: tokenizer_file, {corpus['tokenizer_file']!r}, and "
            f"vocab_file with merges_file, {corpus['vocab_file']!r}. Remove one of them."
        )
    if not {"tokenizer_file", "vocab_file", "tokenizer_corpus_file"} & set(given):
        raise ConfigurationError(
            f"{key} has neither tokenizer_corpus_file (text to train a tokenizer on) nor "
            "tokenizer_file (a ready tokenizer JSON) nor vocab_file and merges_file (a ready "
            "tokenizer of GPT-2's kind); `source: files` needs one of them."
        )
    if not {"tokenizer_file", "vocab_file"} & set(given):
        _check_vocab_size(key, corpus)


def _check_vocab_size(key: str, corpus: Mapping) -> None:
    """Of a tokenizer that is to be trained."""
    size = corpus["vocab_size"]
    if corpus["tokenizer"] == "bytes" and size < SMALLEST_VOCABULARY_OF_BYTES:
        raise ConfigurationError(
            f"{key}.vocab_size is {size}; allowed with `tokenizer: bytes`: at least "
            f"{SMALLEST_VOCABULARY_OF_BYTES}, one entry for every byte and <|endoftext|>."
        )


def _check_phase_scheme(key: str, scheme: Mapping) -> None:
    names, thresholds = scheme["phases"], scheme["thresholds"]
    if len(thresholds) != len(names) - 1:
        raise ConfigurationError(
            f"{key}.thresholds is {thresholds}: {len(thresholds)} values for {len(names)} phases. "
            f"Allowed: one fewer than phases, {len(names) - 1}."
        )
    columns = [re.sub(r"\W+", "_", name.lower()) for name in names]
    if len(set(columns)) < len(columns):
        raise ConfigurationError(
            f"{key}.phases is {names}; allowed: names that differ in more than case and signs, "
            "for the columns of phases.csv are named after them."
        )
    if thresholds != sorted(set(thresholds)):
        raise ConfigurationError(f"{key}.thresholds is {thresholds}; allowed: ascending values.")
    if scheme["density_lowest"] >= scheme["density_highest"]:
        raise ConfigurationError(
            f"{key}.density_lowest is {scheme['density_lowest']}; allowed: less than "
            f"density_highest, {scheme['density_highest']}."
        )


def _check_hidden_means(configuration: Mapping) -> None:
    """All but whether it is the same training: only of the runs that are asked for must it be."""
    for name, source in configuration["freezing_causes"]["hidden_means"].items():
        key = "freezing_causes.hidden_means"
        check_known(key, name, "runs", configuration)
        if source is None:
            continue
        check_known(f"{key}.{name}", source, "runs", configuration)
        if "h_mean" not in configuration["runs"][source]["record"]:
            raise ConfigurationError(
                f"{key}.{name} is {source}, whose record is "
                f"{configuration['runs'][source]['record']}; allowed: a run with h_mean among it."
            )


def _check_verdicts(configuration: Mapping) -> None:
    verdicts = configuration["verdicts"]
    tables = ("runs", "checkpoint_artifacts", "onsets")
    answering = {name: entry for table in tables for name, entry in configuration[table].items()}
    known = {"runs": answering, "chapters": verdicts["chapters"]}
    for instead in verdicts["runs"].values():
        check_known("verdicts.runs", instead, "runs", known)
    for name, question in verdicts["questions"].items():
        if question["open_without_run"] and question["run"] not in answering:
            question |= NO_RULE | {"undecided_because": question["open_without_run"]}
        _check_question(f"verdicts.questions.{name}", question, known)


def _check_question(key: str, question: Mapping, known: Mapping) -> None:
    for name in ("seed", "question"):
        if not question[name]:
            raise ConfigurationError(f"{key}.{name} is missing; every question needs it.")
    check_known(f"{key}.chapter", question["chapter"], "chapters", known)
    needed = ("statistic", "run", "file", "value", "supported_if")
    if question["undecided_because"]:
        given = [name for name in needed[2:] if question[name]]
        if given:
            raise ConfigurationError(
                f"{key} has both undecided_because and {given[0]}; allowed: a rule, or the reason "
                "why there can be none. Remove one, or set undecided_because to null."
            )
        return
    missing = [name for name in needed if not question[name]]
    if missing:
        raise ConfigurationError(
            f"{key}.{missing[0]} is missing; a question needs {', '.join(needed)}, or "
            "undecided_because."
        )
    check_known(f"{key}.run", question["run"], "runs", known)
    for name in ("supported_if", "contradicted_if"):
        _check_condition(f"{key}.{name}", question[name])


def _check_condition(key: str, condition: Mapping | None) -> None:
    given = [name for name, bound in (condition or {}).items() if bound is not None]
    if condition is not None and not given:
        raise ConfigurationError(f"{key} has no bound. {nearest('', CONDITIONS)}")
    for pair in (("at_least", "above"), ("at_most", "below")):
        if set(pair) <= set(given):
            raise ConfigurationError(
                f"{key} has both {pair[0]} and {pair[1]}; allowed: one of them. Set the other "
                "to null."
            )
    if "equals" in given and len(given) > 1:
        raise ConfigurationError(f"{key} has {', '.join(given)}; allowed: equals alone.")


def _check_run(key: str, run: Mapping, configuration: Mapping) -> None:
    for name, table in (("corpus", "corpora"), ("phases", "phase_schemes")):
        check_known(f"{key}.{name}", run[name], table, configuration)
    if run["hidden_dim"] % run["num_heads"]:
        raise ConfigurationError(
            f"{key}.num_heads is {run['num_heads']}, which does not divide hidden_dim, "
            f"{run['hidden_dim']}."
        )
    if run["target_offset"] >= run["seq_len"]:
        raise ConfigurationError(
            f"{key}.target_offset is {run['target_offset']}; allowed: less than seq_len, "
            f"{run['seq_len']}."
        )
    _check_precision(key, run)
    if run["compression"] != "none" and run["storage"] != "hdf5":
        raise ConfigurationError(
            f"{key}.compression is {run['compression']!r}; allowed with `storage: "
            f"{run['storage']}`: none. Set {key}.storage to hdf5."
        )
    of_motion = [name for name in run["statistics"] if name != "n_live_tokens"]
    if of_motion and not run["last_motion"]:
        raise ConfigurationError(
            f"{key}.statistics has {of_motion[0]}, which comes from last_motion_step; allowed with "
            "`last_motion: false`: n_live_tokens."
        )
    steps = run["save_checkpoint_at"]
    if steps != sorted(steps):
        raise ConfigurationError(f"{key}.save_checkpoint_at is {steps}; allowed: ascending steps.")
    too_late = [step for step in steps if step > run["total_steps"]]
    if too_late:
        raise ConfigurationError(
            f"{key}.save_checkpoint_at has {too_late[0]}; allowed: at most total_steps, "
            f"{run['total_steps']}."
        )
    _check_resume(key, run, configuration["runs"])


def _check_precision(key: str, run: Mapping) -> None:
    moments = [name for name in ("m", "v") if name in run["record"]]
    if run["state_precision"] == "float32" and moments and run["naming"] != "crucible":
        raise ConfigurationError(
            f"{key}.state_precision is 'float32', but with `naming: {run['naming']}` files hold "
            f"{' and '.join(moments)} in bfloat16, which would round them. Set {key}.naming to "
            f"crucible, or take {' and '.join(moments)} out of {key}.record."
        )
    if run["head"] == "float32" and run["autocast"]:
        raise ConfigurationError(
            f"{key}.head is 'float32', but {key}.autocast is true, which rounds before the head "
            "what it is to keep; allowed with `autocast: true`: plain, hf."
        )


def _check_resume(key: str, run: Mapping, runs: Mapping) -> None:
    """A run begins from a checkpoint that another run keeps, or from none."""
    source, step = run["resume_run"], run["resume_step"]
    if len({source is None, step is None, not run["restore"]}) > 1:
        raise ConfigurationError(
            f"{key} has resume_run: {source}, resume_step: {step}, restore: {run['restore']}; "
            "allowed: all three, or none of them."
        )
    if source is None:
        return
    check_known(f"{key}.resume_run", source, "runs", {"runs": runs})
    if step not in runs[source]["save_checkpoint_at"]:
        raise ConfigurationError(
            f"{key}.resume_step is {step}, but {source} keeps no checkpoint of that step. Allowed: "
            f"one of runs.{source}.save_checkpoint_at, {runs[source]['save_checkpoint_at']}."
        )
    same = ["model", "hidden_dim", "num_layers", "num_heads", "seq_len", "precision"]
    same += ["weight_precision"] if "parameters" in run["restore"] else []
    same += ["state_precision"] if "moments" in run["restore"] else []
    for name in same:
        if run[name] != runs[source][name]:
            raise ConfigurationError(
                f"{key}.{name} is {run[name]!r}, but the run begins from a checkpoint of {source}, "
                f"which has {runs[source][name]!r}. Both need the same model."
            )
    chain = [key.removeprefix("runs.")]
    while source is not None:
        if source in chain:
            raise ConfigurationError(
                f"{key}.resume_run closes a circle: {' -> '.join([*chain, source])}."
            )
        chain.append(source)
        source = runs[source]["resume_run"] if source in runs else None
