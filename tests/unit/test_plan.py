"""What rules are given: inputs, settings and code, of a configuration that is an argument."""

import copy
import json
import re
import subprocess
import sys

import pytest
import test_configuration
from planted import SCRIPTS
from snakemake.exceptions import WorkflowError
from snakemake.iocontainers import InputFiles, Wildcards

from planning import corpora, entries, figures, inputs, plan, report, resources, slices, trainings
from planning.mistakes import RequestError

RUN = {"run": "crucible2"}
ONSET = {"through_step": 400, "reference": "a", "arms": {"a": ["crucible2"], "b": ["wide"]}}
FORECAST = {
    "state_step": 200,
    "chosen_on": [{"state": "crucible2", "outcome": "crucible1"}],
    "judged_on": [{"state": "other", "outcome": "other"}],
    "through_step": 500,
}


@pytest.fixture(scope="module")
def configured() -> dict:
    runs = {
        "wide": {"like": "crucible2", "weight_precision": "float32", "record": ["W"]},
        "packed": {"like": "thimble7", "compression": "deflate", "keep_trajectory": False},
        "card": {"like": "crucible2", "device": "cuda"},
        "other": {"like": "crucible2", "random_seed": 43},
        "seeds": {"like": "crucible2", "sweep": {"random_seed": [1, 2]}},
    }
    return test_configuration.resolved(
        runs=test_configuration.DEFAULT["runs"] | runs,
        causes={"onsets": {"mine": ONSET}, "forecasts": {"ours": FORECAST}},
        census={"qwen": {"folder": "q"}, "end": {"source": "run", "run": "crucible3"}},
        cluster={"gpu_model": "h100", "gpu_partition": "gpus"},
    )


@pytest.mark.parametrize(
    ("function", "wildcards", "fixed", "expected"),
    [
        (inputs.of_its_corpus, RUN, ["masks.json"], "results/corpora/flannel/masks.json"),
        (inputs.checkpoint, RUN, [], []),
        (
            inputs.checkpoint,
            {"run": "wordybird3"},
            [],
            "results/wordybird1/checkpoint_100.safetensors",
        ),
        (
            inputs.trajectory,
            {"run": "thimble7", "population": "_live"},
            ["displacement"],
            "results/thimble7/trajectory.h5",
        ),
        (inputs.if_possible, RUN, ["audit.json", "audit"], "results/crucible2/audit.json"),
        (inputs.if_possible, {"run": "wide"}, ["audit.json", "audit"], []),
        (inputs.hidden_mean, RUN, [], "results/crucible3/trajectory.safetensors"),
        (inputs.hidden_mean, {"run": "crucible3"}, [], []),
        (
            inputs.first_trajectory,
            {"run": "wordybird1b_data"},
            [],
            "results/wordybird1b/trajectory.safetensors",
        ),
        (
            inputs.of_arms,
            {"onset": "mine"},
            ["second_moment.csv", "second_moment"],
            ["results/crucible2/second_moment.csv"],
        ),
        (
            inputs.of_arms,
            {"onset": "mine"},
            ["course.csv", "course"],
            ["results/crucible2/course.csv", "results/wide/course.csv"],
        ),
        (inputs.of_course, RUN, [""], ["results/crucible2/trajectory.safetensors"]),
        (
            inputs.of_course,
            {"run": "wordybird1b_everything"},
            ["displacement.safetensors"],
            [
                "results/wordybird1b/displacement.safetensors",
                "results/wordybird1b_everything/displacement.safetensors",
            ],
        ),
        (
            inputs.of_pairs,
            {"forecast": "ours"},
            ["state", "trajectory"],
            ["results/crucible2/trajectory.safetensors", "results/other/trajectory.safetensors"],
        ),
        (
            inputs.of_pairs,
            {"forecast": "ours"},
            ["outcome", "freezing.csv"],
            ["results/crucible1/freezing.csv", "results/other/freezing.csv"],
        ),
        (
            inputs.masks_of_pairs,
            {"forecast": "ours"},
            [],
            "results/corpora/flannel/masks.safetensors",
        ),
        (
            inputs.of_sweep,
            {"sweep": "seeds"},
            ["summary.json"],
            ["results/seeds_1/summary.json", "results/seeds_2/summary.json"],
        ),
        (
            inputs.tokenizer_corpus,
            {"corpus": "flannel"},
            [],
            "results/corpora/flannel/tokenizer_corpus.txt",
        ),
        (inputs.given_file, {"corpus": "flannel"}, ["mask_file", lambda path: False], []),
    ],
)
def test_the_files_that_a_job_needs(configured, function, wildcards, fixed, expected):
    assert function(configured, wildcards, *fixed) == expected


def test_resumed_runs_are_held_against_those_they_resume_from(configured):
    asked = {"kick": "wordybird"}
    resumed = inputs.resumed_trajectories(configured, asked, "run")
    sources = inputs.resumed_trajectories(configured, asked, "source")
    assert len(resumed) == len(sources) == 9
    assert sources[:8] == ["results/wordybird1b/trajectory.safetensors"] * 8
    assert (resumed[-1], sources[-1]) == (
        "results/wordybird3/trajectory.safetensors",
        "results/wordybird1/trajectory.safetensors",
    )
    compared = inputs.of_compared_runs(configured, asked, "x")
    assert compared[:3] == [f"results/{n}/x" for n in ("wordybird1b", "wordybird1", "wordybird3")]


@pytest.mark.parametrize(
    ("named", "wrong", "expected"),
    [
        (entries.run, "crucible22", "'crucible22' is no run. Did you mean crucible2?"),
        (entries.corpus, "flanell", "'flanell' is no corpus. Did you mean flannel?"),
        (entries.kick, "wordybrid", "'wordybrid' is no entry of kick. Did you mean wordybird?"),
        (entries.onset, "mime", "'mime' is no entry of causes.onsets. Did you mean mine?"),
        (entries.forecast, "ors", "'ors' is no entry of causes.forecasts. Did you mean ours?"),
        (entries.census, "qwenn", "'qwenn' is no entry of census. Did you mean qwen?"),
        (entries.sweep, "seed", "'seed' is no sweep. Did you mean seeds?"),
    ],
)
def test_a_wrong_name_suggests_the_right_one(configured, named, wrong, expected):
    with pytest.raises(RequestError) as error:
        named(configured, wrong)
    assert str(error.value).startswith(expected)


def test_no_slice_changes_with_what_its_job_does_not_read(configured):
    """A colour, a threshold of one analysis, a run that is not asked for."""
    other = copy.deepcopy(configured)
    other["figures"]["dpi"] += 1
    other["cohorts"]["permutations"] += 1
    other["phases"]["published"]["thresholds"] = [0.2, 10, 100]
    other["runs"]["crucible1"]["learning_rate"] *= 2
    of = {"drift": {"run": "crucible3"}}
    changed = {
        name
        for name in (
            *("training", "displacement", "phases", "lifecycle", "freezing", "permanence"),
            *("momentum", "gradients", "drift", "audit", "second_moment", "account", "summary"),
        )
        if getattr(slices, name)(configured, of.get(name, RUN))
        != getattr(slices, name)(other, of.get(name, RUN))
    }
    assert changed == {"phases", "lifecycle", "gradients"}
    assert slices.figure(configured, RUN) != slices.figure(other, RUN)


def test_a_learning_rate_concerns_the_training_and_what_follows_the_update_law(configured):
    other = copy.deepcopy(configured)
    for run in ("crucible2", "crucible3"):
        other["runs"][run]["learning_rate"] *= 2
    names = ("training", "displacement", "phases", "phase_transitions", "lifecycle", "motion")
    names += ("freezing", "permanence", "momentum", "gradients", "audit", "second_moment")
    names += ("account", "rows", "summary", "vocabulary", "drift")
    changed = {
        name
        for name in names
        if getattr(slices, name)(configured, RUN) != getattr(slices, name)(other, RUN)
    }
    assert changed == {"training", "momentum", "audit", "second_moment", "account"}


def test_training_is_not_given_what_analyses_alone_read(configured):
    given = slices.training(configured, RUN)
    assert not {*slices.WITHOUT_EFFECT_ON_TRAINING} & {*given}
    assert given["vocab_size"] == 10000


def test_titles_are_of_the_run_or_of_the_series(configured):
    titles = [
        slices.figure(configured, asked)["title"]
        for asked in (RUN, {"kick": "wordybird"}, {"onset": "mine"}, {"forecast": "ours"})
    ]
    assert titles == ["Crucible 2", "Wordybird", "Crucible", "Crucible 1"]
    assert slices.figure(configured, {"census": "qwen"})["title"] == "qwen"


def test_a_census_of_a_run_is_of_its_last_step_unless_it_says_so(configured):
    asked = {"census": "end"}
    given = slices.census(configured, asked)
    assert given["run"] == {"run": "crucible3", "naming": "crucible", "step": 500}
    assert inputs.census_weights(configured, asked) == ["results/crucible3/trajectory.safetensors"]
    assert inputs.census_tokenizer(configured, asked) == "results/corpora/flannel/tokenizer.json"
    assert inputs.census_masks(configured, asked) == "results/corpora/flannel/masks.safetensors"
    other = copy.deepcopy(configured)
    other["census"]["end"]["step"] = 0
    other["census"]["end"]["memory_mb"] += 1
    assert slices.census(other, asked) == given | {"run": given["run"] | {"step": 0}}
    other["runs"]["crucible3"]["learning_rate"] *= 2
    other["census"]["qwen"]["shells"] += 1
    assert slices.census(other, asked)["run"]["step"] == 0
    assert resources.memory_of_census(configured, asked) == 1000


def test_a_schedule_that_was_restored_has_run_and_one_that_was_not_has_not(configured):
    runs = configured["runs"]
    assert slices.elapsed_steps(runs, "wordybird1b_schedule", "schedule") == 100
    assert slices.elapsed_steps(runs, "wordybird1b_schedule", "moments") == 0
    assert slices.elapsed_steps(runs, "wordybird1b", "schedule") == 0


def test_arms_know_what_they_change_and_whether_v_can_be_followed(configured):
    arms = slices.onset(configured, {"onset": "mine"})["arms"]
    assert [arm["changes"] for arm in arms] == [{}, {"weight_precision": "float32"}]
    assert [arm["runs"][0]["second_moment"] for arm in arms] == [True, False]


def test_a_forecast_is_given_its_pairs_and_nothing_of_other_runs(configured):
    given = slices.forecast(configured, {"forecast": "ours"})
    about = [(pair["role"], pair["state"], pair["random_seed"]) for pair in given["pairs"]]
    assert about == [("chosen_on", "crucible2", 42), ("judged_on", "other", 43)]
    assert [pair["total_steps"] for pair in given["pairs"]] == [5000, 500]
    assert not {"chosen_on", "judged_on"} & given.keys()
    other = copy.deepcopy(configured)
    other["runs"]["crucible3"]["learning_rate"] *= 2
    other["causes"]["account"]["window"] += 1
    other["runs"]["crucible1"]["save_checkpoint_at"] = [400]
    assert slices.forecast(other, {"forecast": "ours"}) == given
    other["runs"]["crucible1"]["motion_threshold"] *= 2
    assert slices.forecast(other, {"forecast": "ours"}) != given


def test_every_figure_is_drawn_by_a_module_from_files_that_rules_make():
    rules = "".join(path.read_text("utf-8") for path in (SCRIPTS.parent / "rules").glob("*.smk"))
    made = set(re.findall(r'"(results/[^"]+)"', rules))
    for figure in figures.FIGURES:
        assert (SCRIPTS / figure.module).exists(), figure.name
        assert (SCRIPTS.parent / f"report/{figure.name}.rst").exists(), figure.name
        assert {*figure.files.values()} <= made, figure.name
    jobs = [figure.job for figure in figures.FIGURES]
    assert len(set(jobs)) == len(jobs)
    drawn = {str(path.relative_to(SCRIPTS)) for path in SCRIPTS.glob("deadtokens/*/draw_*.py")}
    assert drawn == {figure.module for figure in figures.FIGURES}


def test_the_inputs_that_a_figure_is_declared_with_are_those_that_its_module_reads():
    code = (
        "import importlib, json\n"
        "print(json.dumps({m: [*importlib.import_module(m).INPUTS] for m in %r}))"
    )
    names = [figure.module.removesuffix(".py").replace("/", ".") for figure in figures.FIGURES]
    done = subprocess.run(
        [sys.executable, "-c", code % names], capture_output=True, text=True, check=True
    )
    read = json.loads(done.stdout)
    for name, figure in zip(names, figures.FIGURES, strict=True):
        assert {*read[name]} == {*figure.inputs}, figure.name


def test_the_report_shows_what_its_runs_can_have(configured):
    changed = configured | {"report": configured["report"] | {"runs": ["wide", "thimble7"]}}
    shown = report.report_figures(changed)
    assert "results/wide/phases.png" in shown
    assert "results/wide/momentum.png" not in shown
    assert "results/wide/phase_transitions.png" not in shown
    assert "results/thimble7/phase_transitions.png" in shown
    assert shown[-1] == "results/wordybird/kick.png"
    changed["report"]["census"] = ["qwen"]
    pages = [f"results/census/qwen/{name}" for name in ("census.png", "explorer.html")]
    assert report.report_figures(changed)[-2:] == pages


def test_a_chapter_never_ends_the_script_that_holds_it(configured):
    chapters = {"freezing": {"title": "</script> & more"}}
    changed = configured | {"verdicts": {"chapters": chapters}}
    assert "</" not in report.chapter(changed, "freezing")
    assert report.chapter(changed, "Runs") == "Runs"


def is_of(rule: trainings.TrainingRule, run: str) -> bool:
    """As in a path, where a folder ends with a slash."""
    return re.fullmatch(f"(?:{rule.runs})/x", f"{run}/x") is not None


def test_runs_of_one_kind_share_a_training_rule(configured):
    rules = {rule.name: rule for rule in trainings.rules(configured)}
    assert {"train_run", "train_run_hdf5", "train_run_hdf5_temporary", "train_run_cuda"} <= {*rules}
    of = {
        run: [name for name, rule in rules.items() if is_of(rule, run)]
        for run in configured["runs"]
    }
    assert all(len(names) == 1 for names in of.values()), of
    assert of["wordybird1"] == ["train_run_100"]
    assert rules["train_run_100"].checkpoints == ["results/{run}/checkpoint_100.safetensors"]
    assert rules["train_run_cuda"].gpu == {
        **{"gpu": 1, "gpu_model": "h100", "slurm_partition": "gpus"}
    }
    # A run that is not in the configuration is refused by the plain rule, corpora are by none.
    assert is_of(rules["train_run"], "unknown")
    assert not is_of(rules["train_run"], "corpora")


def test_corpora_of_a_rule(configured):
    assert corpora.where(corpora.is_synthetic, configured) == "flannel|wordybird"
    assert corpora.where(corpora.has_vocab_file, configured) == "(?!)"


def test_memory_grows_with_chunks_that_must_be_unpacked_and_with_attempts(configured):
    assert resources.memory_to_read(configured, RUN) == 1000
    packed = resources.memory_to_read(configured, {"run": "packed"})
    compared = resources.memory_to_compare(configured, RUN)
    run, cohorts = configured["runs"][RUN["run"]], configured["cohorts"]
    vocab_size = configured["corpora"][run["corpus"]]["vocab_size"]
    elements = cohorts["alignment_steps"] * vocab_size * run["hidden_dim"]
    assert compared == 1000 + 24 * elements // 10**6
    run = configured["runs"]["packed"]
    assert packed == 1000 + run["chunk_rows"] * 10000 * run["hidden_dim"] * 2 // 10**6
    assert resources.growing(lambda wildcards: 7)(None, 3) == 21
    assert resources.growing(5)(None, attempt=2) == 10


class Digests:
    def job_digest(self, *names):
        return " ".join(names)


def test_a_plan_makes_what_snakemake_takes(configured):
    made = plan.Plan(configured, Digests())
    wildcards = Wildcards(fromdict=RUN)
    assert made.input(inputs.of_its_corpus, "a")(wildcards) == "results/corpora/flannel/a"
    assert made.of_run("threads")(wildcards) == configured["runs"]["crucible2"]["threads"]
    assert json.loads(made.settings(slices.displacement)(wildcards)) == {
        **{"naming": "crucible", "population": "dead"}
    }
    phases = next(figure for figure in figures.FIGURES if figure.name == "phases")
    assert made.drawing(phases) == (
        "figures/draw_figure.py figures deadtokens/phases/draw_phases.py"
    )


def test_what_a_user_asked_or_configured_wrongly_ends_the_call_with_its_message(configured):
    made = plan.Plan(configured, Digests())
    unknown = Wildcards(fromdict={"run": "crucible22"})
    with pytest.raises(WorkflowError, match="is no run"):
        made.input(inputs.checkpoint)(unknown)
    other = copy.deepcopy(configured)
    other["runs"]["crucible3"]["learning_rate"] = 1.0
    with pytest.raises(WorkflowError, match="Wrong configuration"):
        plan.Plan(other, Digests()).input(inputs.hidden_mean)(Wildcards(fromdict=RUN))


def test_equal_settings_are_one_text_that_ends_no_script():
    assert plan.canonical({"b": 1, "a": "</script>"}) == '{"a": "\\u003c/script>", "b": 1}'
    assert json.loads(plan.canonical({"a": "</script>"})) == {"a": "</script>"}


def test_inputs_as_options_are_quoted():
    files = InputFiles(fromdict={"table": "a b.csv", "summary": "c.json"})
    assert plan.options(None, files) == "--table 'a b.csv' --summary c.json"


def test_every_job_finds_the_scripts_and_the_python_of_the_call():
    prefix = plan.shell_prefix("the scripts", "/opt/my python/bin/python3", False, True)
    said = subprocess.run(
        ["sh", "-c", prefix.format() + 'echo "$scripts|$PYTHONPATH|$PATH"'],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "/mine"},
    ).stdout.strip()
    assert said == "the scripts|the scripts:/mine|/opt/my python/bin:/usr/bin:/bin"
    assert "FIMBULWINTER_PROVENANCE" not in prefix
    assert "PROVENANCE=unverified" in plan.shell_prefix("s", None, False, False)
    assert "PROVENANCE=none" in plan.shell_prefix("s", None, True, True)
