"""What the verdicts and the report take up: figures, captions, and the files that answer questions."""

VERDICTS = CONFIG["verdicts"]
REPORT = CONFIG["report"]
ARTIFACTS = CONFIG["checkpoint_artifacts"]


def has_motion(run):
    return "W" in run["record"]


def has_own_notebook(run):
    return has_motion(run) and run["naming"] == "thimble"


def has(why_not):
    return lambda run: why_not("", run) is None


# Figures of a run, and which runs have them.
FIGURES = {
    "phases": has_motion,
    "phase_transitions": has_own_notebook,
    "stillness": has_motion,
    "freezing": has_motion,
    "lifecycle": has_motion,
    "permanence": has_motion,
    "momentum": has(analyses.why_no_momentum),
    "gradients": has(analyses.why_no_gradients),
    "account": has(why_no_account),
    "drift": has(analyses.why_no_drift),
}


def report_figures():
    """All figures of the runs in the report."""
    return (
        [
            f"results/{name}/{figure}.{REPORT['format']}"
            for name in REPORT["runs"]
            for figure, has_it in FIGURES.items()
            if has_it(run_named(name))
        ]
        + [
            f"results/{name}/checkpoint_artifact.{REPORT['format']}"
            for name in REPORT["checkpoint_artifacts"]
        ]
        + [f"results/{name}/onset.{REPORT['format']}" for name in REPORT["onsets"]]
    )


def in_report(path, caption, chapter, label, of="{run}"):
    """An output that the report shows: its caption in workflow/report/, its chapter, its label."""
    chapters = VERDICTS["chapters"]
    title = chapters[chapter]["title"] if chapter in chapters else chapter
    return report(
        path,
        caption=f"../report/{caption}.rst",
        # As in `canonical`; what is shown stays the same.
        category=title.replace("</", "<\u200b/"),
        subcategory=of,
        labels={"shows": label},
    )


def evidence():
    """The statistics files that the questions ask for, of what is in the report."""
    there = {*REPORT["runs"], *REPORT["checkpoint_artifacts"], *REPORT["onsets"]}
    questions = VERDICTS["questions"].values()
    asked = [(question["run"], question["file"]) for question in questions if question["file"]]
    return [f"results/{run}/{file}" for run, file in dict.fromkeys(asked) if run in there]


def verdict_settings():
    steps = {name: run["total_steps"] for name, run in RUNS.items()}
    steps |= {name: steps[artifact["continuous"]] for name, artifact in ARTIFACTS.items()}
    steps |= {
        name: RUNS[onset["arms"][onset["reference"]][0]]["total_steps"]
        for name, onset in CONFIG["onsets"].items()
    }
    asked = {question["run"] for question in VERDICTS["questions"].values()}
    return canonical(
        {key: VERDICTS[key] for key in ("chapters", "questions")}
        | {"steps": {name: steps[name] for name in sorted(asked & steps.keys())}}
        # The order of the story, which JSON objects with sorted keys do not keep.
        | {"order": {key: [*VERDICTS[key]] for key in ("chapters", "questions")}}
    )


def permanence_settings(wildcards):
    return canonical(
        {key: VERDICTS[key] for key in ("still_for", "confidence")}
        | {"motion_threshold": run_named(wildcards.run)["motion_threshold"]}
    )


def provenance_settings():
    """The configuration, of runs and corpora only those of the report."""
    runs = {name: run_named(name) for name in REPORT["runs"]}
    corpora = {run["corpus"]: CORPORA[run["corpus"]] for run in runs.values()}
    rest = {key: value for key, value in CONFIG.items() if key != "verdicts"}
    return canonical({"configuration": rest | {"runs": runs, "corpora": corpora}})
