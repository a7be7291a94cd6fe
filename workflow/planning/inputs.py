"""The files of other jobs that a job needs, or why there are none.

Functions of the configuration and of a job's wildcards; `Plan.input` makes them input functions.
"""

from collections.abc import Callable, Mapping

from deadtokens.causes.requirements import chain
from deadtokens.kick.requirements import first_of
from planning import (
    adopted,
    black_holes,
    censuses,
    corpora,
    entries,
    forecasts,
    kick,
    onsets,
    published,
    requirements,
)
from planning.corpora import check_files, has_tokenizer_text
from planning.givenfiles import literal
from planning.mistakes import RequestError
from planning.renamed import FILES
from planning.runs import check_same_training

Wildcards = Mapping[str, str]
# Whose motion a file is about, by what stands after the first word of its name.
POPULATIONS = {"": "dead", "_live": "live", "_all": "all"}


def trajectory_of(name: str, run: Mapping) -> str:
    """The path of a run's trajectory."""
    return f"results/{name}/trajectory.{adopted.SUFFIX[run['storage']]}"


def population(wildcards: Wildcards) -> str:
    """dead, live or all, by the name of the file that is asked for."""
    return POPULATIONS[wildcards.get("population", "")]


def given_file(
    configuration: Mapping, wildcards: Wildcards, key: str, is_made: Callable[[str], bool]
) -> str | list:
    """The user's file under this key of the corpus, nothing if there is none.

    is_made: whether another rule makes a file, which then need not be there yet.
    """
    corpus = entries.corpus(configuration, wildcards["corpus"])
    check_files(f"corpora.{wildcards['corpus']}", corpus, is_made)
    if key == "model_corpus_file":
        _require(corpora.why_no_text(wildcards["corpus"], corpus))
    if key == "tokenizer_file":
        _require(corpora.why_no_tokenizer(wildcards["corpus"], corpus))
    return literal(corpus[key]) if corpus[key] else []


def tokenizer_corpus(configuration: Mapping, wildcards: Wildcards) -> str | list:
    """The text that the tokenizer was trained on, nothing if a ready tokenizer came without."""
    corpus = entries.corpus(configuration, wildcards["corpus"])
    path = f"results/corpora/{wildcards['corpus']}/tokenizer_corpus.txt"
    return path if has_tokenizer_text(corpus) else []


def of_its_corpus(configuration: Mapping, wildcards: Wildcards, file: str) -> str:
    """A file of the corpus that the run is trained on."""
    name = entries.run(configuration, wildcards["run"])["corpus"]
    corpus, why = entries.corpus(configuration, name), published.hint(configuration, name)
    if file == "tokenizer.json":
        _require(corpora.why_no_tokenizer(name, corpus), why)
    else:
        _require(corpora.why_no_text(name, corpus), why)
    return f"results/corpora/{name}/{file}"


def masks(configuration: Mapping, wildcards: Wildcards) -> str:
    """The masks of a run: those of its corpus, or of its trajectory if that was made elsewhere."""
    if adopted.is_adopted(entries.run(configuration, wildcards["run"])):
        return f"results/{wildcards['run']}/masks.safetensors"
    return of_its_corpus(configuration, wildcards, "masks.safetensors")


def adopted_file(
    configuration: Mapping, wildcards: Wildcards, is_made: Callable[[str], bool]
) -> str:
    """The trajectory_file of a run, where the user said, whatever storage."""
    name = wildcards["run"]
    return literal(adopted.file(name, entries.run(configuration, name), is_made))


def adopted_metadata(
    configuration: Mapping, wildcards: Wildcards, is_made: Callable[[str], bool]
) -> str | list:
    """The metadata.json beside the trajectory_file of a run, nothing if there is none."""
    path = adopted.metadata(entries.run(configuration, wildcards["run"])["trajectory_file"])
    return literal(path) if path else []


def adopted_masks(
    configuration: Mapping, wildcards: Wildcards, is_made: Callable[[str], bool]
) -> str | list:
    """The mask file that stands for the text of a corpus without one, nothing if there is none."""
    name = wildcards["run"]
    run = entries.run(configuration, name)
    corpus = entries.corpus(configuration, run["corpus"])
    adopted.check_masks(name, run, corpus)
    if corpora.has_text(corpus) or corpus["mask_file"] is None:
        return []
    check_files(f"corpora.{run['corpus']}", corpus, is_made)
    return literal(corpus["mask_file"])


def masks_of_text(configuration: Mapping, wildcards: Wildcards) -> str | list:
    """The masks of the run's corpus, nothing if that has no text."""
    corpus = entries.run(configuration, wildcards["run"])["corpus"]
    has_text = corpora.has_text(entries.corpus(configuration, corpus))
    return f"results/corpora/{corpus}/masks.safetensors" if has_text else []


def checkpoint(configuration: Mapping, wildcards: Wildcards) -> str | list:
    """What another run left for this one, nothing if this one starts from the beginning."""
    run = entries.run(configuration, wildcards["run"])
    if run["resume_run"] is None:
        return []
    adopted.refuse_checkpoint(wildcards["run"], run["resume_run"], configuration["runs"])
    return f"results/{run['resume_run']}/checkpoint_{run['resume_step']}.safetensors"


def trajectory(configuration: Mapping, wildcards: Wildcards, analysis: str) -> str:
    """The trajectory of a run that can have this analysis of the population asked for."""
    name = wildcards["run"]
    run = entries.run(configuration, name)
    reason = requirements.refusal(analysis, name, configuration, population(wildcards))
    if reason is not None:
        raise RequestError(reason)
    return trajectory_of(name, run)


def if_possible(
    configuration: Mapping, wildcards: Wildcards, file: str, analysis: str
) -> str | list:
    """A file of the run that comes of this analysis, nothing if the run cannot have it."""
    name = wildcards["run"]
    entries.run(configuration, name)
    possible = requirements.why_not(analysis, name, configuration) is None
    return f"results/{name}/{file}" if possible else []


def hidden_mean(configuration: Mapping, wildcards: Wildcards) -> str | list:
    """The trajectory that holds the h_mean of a run which does not record it, nothing if none."""
    name, runs = wildcards["run"], configuration["runs"]
    run = entries.run(configuration, name)
    source = configuration["cohorts"]["hidden_means"].get(name)
    if source is None or "h_mean" in run["record"]:
        return []
    key = f"cohorts.hidden_means.{name}"
    check_same_training(key, name, source, runs)
    adopted.check_same_origin(key, name, source, runs)
    return trajectory_of(source, runs[source])


def first_trajectory(configuration: Mapping, wildcards: Wildcards) -> str:
    """The trajectory that it all began with: the run's own, unless it was resumed from another."""
    entries.run(configuration, wildcards["run"])
    name = first_of(wildcards["run"], configuration["runs"])
    adopted.check_same_beginning(wildcards["run"], name, configuration["runs"])
    return trajectory_of(name, configuration["runs"][name])


def of_compared_runs(configuration: Mapping, wildcards: Wildcards, file: str) -> list[str]:
    """A file of each run that a comparison of resumed runs names."""
    comparison = entries.kick(configuration, wildcards["kick"])
    return [f"results/{run}/{file}" for run in kick.runs_compared(comparison)]


def resumed_trajectories(configuration: Mapping, wildcards: Wildcards, key: str) -> list[str]:
    """The trajectories of the runs that begin at the seam (`run`), or of their `source`."""
    comparison = entries.kick(configuration, wildcards["kick"])
    resumed = kick.resumed_runs(comparison, configuration["runs"])
    return [trajectory_of(run[key], configuration["runs"][run[key]]) for run in resumed]


def masks_of_compared_runs(configuration: Mapping, wildcards: Wildcards) -> str:
    """The masks of the corpus that all of them are trained on."""
    continuous = entries.kick(configuration, wildcards["kick"])["continuous"]
    return masks(configuration, {"run": continuous})


def of_course(configuration: Mapping, wildcards: Wildcards, file: str) -> list[str]:
    """A file of each run of a course, "" for its trajectory: those that the run goes back to first.

    Raises `RequestError` unless the run can have a course.
    """
    trajectory(configuration, wildcards, "course")
    runs = configuration["runs"]
    return [
        f"results/{name}/{file}" if file else trajectory_of(name, runs[name])
        for name in chain(wildcards["run"], runs)
    ]


def of_arms(configuration: Mapping, wildcards: Wildcards, file: str, analysis: str) -> list[str]:
    """A file of each run of all arms, in their order, of those that show what it is of."""
    arms = entries.onset(configuration, wildcards["onset"])["arms"]
    return [
        f"results/{name}/{file}"
        for names in arms.values()
        for name in names
        if onsets.shows(analysis, name, configuration)
    ]


def of_black_holes(configuration: Mapping, wildcards: Wildcards, file: str) -> list[str]:
    """A file of each run of all arms of a comparison of black holes, in their order."""
    entry = entries.black_holes(configuration, wildcards["black_holes"])
    return [f"results/{name}/{file}" for name in black_holes.runs_of(entry)]


def of_pairs(configuration: Mapping, wildcards: Wildcards, part: str, file: str) -> list[str]:
    """Of each pair of a forecast a file of its `state` or `outcome`; `trajectory` is the run's."""
    runs = configuration["runs"]
    forecast = entries.forecast(configuration, wildcards["forecast"])
    names = [pair[part] for _, pair in forecasts.pairs(forecast)]
    if file == "trajectory":
        return [trajectory_of(name, runs[name]) for name in names]
    return [f"results/{name}/{file}" for name in names]


def masks_of_pairs(configuration: Mapping, wildcards: Wildcards) -> str:
    """The masks of the corpus that all runs of a forecast are trained on."""
    _, pair = next(forecasts.pairs(entries.forecast(configuration, wildcards["forecast"])))
    return masks(configuration, {"run": pair["outcome"]})


def census_weights(configuration: Mapping, wildcards: Wildcards) -> list[str]:
    """The files that hold the matrices of a census, given ones or the trajectory of a run."""
    name, entry = wildcards["census"], entries.census(configuration, wildcards["census"])
    if censuses.is_of_run(entry):
        return [trajectory_of(entry["run"], configuration["runs"][entry["run"]])]
    found = censuses.find(f"census.{name}", entry).matrices.values()
    return [literal(path) for path in dict.fromkeys(tensor.path for tensor in found)]


def census_tokenizer(configuration: Mapping, wildcards: Wildcards) -> str | list:
    """The tokenizer that names the tokens of a census, nothing if there is none."""
    name, entry = wildcards["census"], entries.census(configuration, wildcards["census"])
    if entry["tokenizer_file"] is None and censuses.is_of_run(entry):
        return of_its_corpus(configuration, {"run": entry["run"]}, "tokenizer.json")
    path = censuses.tokenizer(f"census.{name}", entry)
    return literal(path) if path else []


def census_masks(configuration: Mapping, wildcards: Wildcards) -> str | list:
    """The masks that say which tokens of a run are dead, nothing for other matrices."""
    entry = entries.census(configuration, wildcards["census"])
    if not censuses.is_of_run(entry):
        return []
    return masks(configuration, {"run": entry["run"]})


def of_sweep(configuration: Mapping, wildcards: Wildcards, file: str) -> list[str]:
    """A file of each run of a sweep."""
    return [f"results/{run}/{file}" for run in entries.sweep(configuration, wildcards["sweep"])]


def renamed(configuration: Mapping, wildcards: Wildcards) -> str:
    """Nothing: a file that has another name since release 1.0.0 is refused with the new one."""
    folder, old, rest = (wildcards[name] for name in ("folder", "old", "rest"))
    raise RequestError(
        f"results/{folder}/{old}{rest} is called results/{folder}/{FILES[old]}{rest} now: ask for "
        "that."
    )


def _require(reason: str | None, more: str = "") -> None:
    if reason is not None:
        raise RequestError(f"{reason} {more}".rstrip())
