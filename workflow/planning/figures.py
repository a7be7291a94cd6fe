"""Every picture of the workflow, declared: what it is drawn from, where it stands in the report.

The rules follow from this table (rules/figures.smk); `deadtokens/QUESTION/draw_NAME.py` draws, and
says how its inputs are read; `workflow/report/NAME.rst` is the caption.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A picture of a run, or of several that an entry of the configuration compares.

    question: its package and its chapter of the report. label: what the report says it shows.
    inputs: by the option of the program that draws, files of its folder. folder: the wildcard that
    stands for the folder in results/. populations: whether there is one of live and of all tokens.
    analysis: the one of `requirements` that a run must be able to have; by itself that of its name.
    within: the folder of results/ that its own is in, with a slash at its end.
    """

    question: str
    name: str
    label: str
    inputs: Mapping[str, str]
    folder: str = "run"
    populations: bool = False
    analysis: str = ""
    within: str = ""

    @property
    def path(self) -> str:
        """The picture, of any format."""
        return f"{self._place}/{self.name}{self._population}.{{format}}"

    @property
    def files(self) -> dict[str, str]:
        """The files that it is drawn from, by option."""
        return {
            option: f"{self._place}/{name.replace('*', self._population)}"
            for option, name in self.inputs.items()
        }

    @property
    def job(self) -> str:
        """The name of its rule, and with format and population that of its logs."""
        return f"draw_{self.name}"

    @property
    def module(self) -> str:
        """What draws it, relative to the scripts."""
        return f"deadtokens/{self.question}/draw_{self.name}.py"

    def of_job(self, folder: str, ending: str) -> str:
        """A file of its job in logs/ or benchmarks/."""
        name = f"{self.job}{self._population}_{{format}}.{ending}"
        return f"{self._place}/{folder}/{name}"

    @property
    def _place(self) -> str:
        return f"results/{self.within}{{{self.folder}}}"

    @property
    def _population(self) -> str:
        return "{population}" if self.populations else ""


def _table_and_summary(name: str, table: str = "csv") -> dict[str, str]:
    return {"table": f"{name}*.{table}", "summary": f"{name}*.json"}


FIGURES = (
    Figure(
        "phases",
        "phases",
        "phases over time, on both scales",
        _table_and_summary("phases") | {"density": "phases*_density.safetensors"},
        populations=True,
    ),
    Figure(
        "phases",
        "phase_transitions",
        "the three plots of Thimble 7",
        _table_and_summary("phase_transitions")
        | {"density": "phase_transitions*_density.safetensors"},
        populations=True,
    ),
    Figure(
        "phases",
        "lifecycle",
        "the phase of every token at every step",
        _table_and_summary("lifecycle", "safetensors"),
        populations=True,
    ),
    Figure(
        "freezing",
        "freezing",
        "when tokens freeze, and who stops early",
        {"survival": "freezing*_survival.csv", "summary": "freezing*.json"},
        populations=True,
    ),
    Figure(
        "permanence",
        "stillness",
        "runs of stillness",
        _table_and_summary("stillness"),
        populations=True,
    ),
    Figure(
        "permanence",
        "permanence",
        "how often still tokens move again",
        _table_and_summary("permanence"),
    ),
    Figure(
        "cohorts",
        "momentum",
        "updates against the critical line",
        _table_and_summary("momentum") | {"density": "momentum_density.safetensors"},
    ),
    Figure("cohorts", "gradients", "alignment of gradients", _table_and_summary("gradients")),
    Figure(
        "drift",
        "drift",
        "the drift of both clouds against h_mean",
        _table_and_summary("drift")
        | {"autocorrelation": "drift_autocorrelation.csv", "tokens": "drift_tokens.csv"},
    ),
    Figure(
        "kick",
        "kick",
        "the kick, and what it is made of",
        _table_and_summary("kick"),
        folder="kick",
    ),
    Figure(
        "causes",
        "account",
        "causes of the freeze",
        _table_and_summary("account"),
    ),
    Figure(
        "causes",
        "onset",
        "when tokens freeze, and what makes it go away",
        _table_and_summary("onset"),
        folder="onset",
    ),
    Figure(
        "causes",
        "forecast",
        "what of the freeze can be predicted, and what could have been",
        _table_and_summary("forecast"),
        folder="forecast",
    ),
    Figure(
        "census",
        "census",
        "black holes, their neighbours on the lattice, and who is in them",
        {
            "summary": "census.json",
            "vectors": "vectors.csv",
            "tokens": "tokens.csv",
        },
        folder="census",
        within="census/",
    ),
    Figure(
        "census",
        "census_in_time",
        "black holes and components at every step",
        {"table": "census_in_time*.csv"},
        populations=True,
    ),
    Figure(
        "census",
        "black_holes",
        "whether training makes black holes, beside rounding alone",
        _table_and_summary("black_holes"),
        folder="black_holes",
    ),
)
