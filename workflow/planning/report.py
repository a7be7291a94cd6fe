"""What the report takes up: figures, chapters, and the files that answer its questions."""

from collections.abc import Mapping
from pathlib import Path

from planning import entries, requirements
from planning.figures import FIGURES, Figure

# Notebooks drew these of their own series alone.
OF_ONE_SERIES = {"phase_transitions": "thimble"}


def report_figures(configuration: Mapping) -> list[str]:
    """All figures of the runs and comparisons in the report, and the pages of its censuses."""
    report, kind = configuration["report"], configuration["report"]["format"]
    of_runs = [
        f"results/{name}/{figure.name}.{kind}"
        for name in report["runs"]
        for figure in FIGURES
        if figure.folder == "run" and _shown(figure, name, configuration)
    ]
    kicks = [f"results/{name}/kick.{kind}" for name in report["kick"]]
    onsets = [f"results/{name}/onset.{kind}" for name in report["onsets"]]
    forecasts = [f"results/{name}/forecast.{kind}" for name in report["forecasts"]]
    # The caption leads to the page beside the report, which is too large to stand in it.
    files = (f"census.{kind}", "explorer.html")
    censuses = [f"results/census/{name}/{file}" for name in report["census"] for file in files]
    holes = [f"results/{name}/black_holes.{kind}" for name in report["black_holes"]]
    return of_runs + kicks + onsets + forecasts + censuses + holes


def pages_of_tokens(configuration: Mapping) -> dict[str, str]:
    """By run in the report the page to look at its tokens with; some can have none."""
    return {
        name: f"results/{name}/explorer.html"
        for name in configuration["report"]["runs"]
        if requirements.why_not("explorer", name, configuration) is None
    }


def page_parts(folder: Path, page: str) -> list[str]:
    """HTML, style and scripts of a page, those that all pages share first."""
    return [
        str(path)
        for part in ("pages", page)
        for kind in ("css", "html", "js")
        for path in sorted((folder / part).glob(f"*.{kind}"))
    ]


def chapter(configuration: Mapping, question: str) -> str:
    """The title of a question's chapter; a word without a chapter stands for itself."""
    chapters = configuration["verdicts"]["chapters"]
    title = chapters[question]["title"] if question in chapters else question
    # The report takes it up in a script, which this would end; what is shown stays the same.
    return title.replace("</", "<\u200b/")


def evidence(configuration: Mapping) -> list[str]:
    """The statistics files that the questions ask for, of what is in the report.

    And of runs at other random seeds, where the configuration names them.
    """
    report = configuration["report"]
    there = {*report["runs"], *report["kick"], *report["onsets"], *report["forecasts"]}
    questions = configuration["verdicts"]["questions"].values()
    asked = [(question["run"], question["file"]) for question in questions if question["file"]]
    seeds = configuration["verdicts"]["seeds"]
    return [
        f"results/{run}/{file}"
        for name, file in dict.fromkeys(asked)
        if name in there
        for run in (name, *seeds.get(name, ()))
    ]


def _shown(figure: Figure, name: str, configuration: Mapping) -> bool:
    run = entries.run(configuration, name)
    if run["naming"] != OF_ONE_SERIES.get(figure.name, run["naming"]):
        return False
    return requirements.why_not(figure.analysis or figure.name, name, configuration) is None
