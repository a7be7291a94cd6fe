"""Judge the questions of the published notebooks by the statistics that other jobs found.

    python workflow/scripts/report/judge_questions.py --settings verdicts.json \\
        --evidence results/crucible1/freezing.json results/crucible1/stillness.json \\
        --verdicts verdicts.json --table verdicts.csv

Of a statistic file its name and that of its folder count: `crucible1/freezing.json`.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import documents, tables
from deadtokens.report import verdicts


def main(options):
    """A row per question; the reason stands beside every question that stays undecided."""
    questions, chapters = (
        {name: options.settings[key][name] for name in options.settings["order"][key]}
        for key in ("questions", "chapters")
    )
    evidence = {
        f"{path.parent.name}/{path.name}": documents.read(path) for path in options.evidence
    }
    with documents.fitting(*options.evidence):
        rows = verdicts.judge(
            questions, evidence, options.settings["steps"], options.settings["seeds"]
        )
    found = {
        "counts": verdicts.counts(rows),
        "counts_by_kind": verdicts.counts_by_kind(rows),
        "chapters": chapters,
        "verdicts": rows,
    }
    with command.finished(options.verdicts, options.table) as (report, table):
        command.write_json(report, found)
        tables.write(table, verdicts.table(rows))


if __name__ == "__main__":
    arguments = command.parser(__doc__, "questions", "chapters", "order", "steps", "seeds")
    arguments.add_argument("--evidence", type=Path, nargs="*", default=[], help="JSON files")
    arguments.add_argument("--verdicts", type=Path, required=True, help="JSON: all of it")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per question")
    command.run(main, arguments)
