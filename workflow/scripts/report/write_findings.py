"""Write the findings: words from a template, every number from a file that another job made.

    python workflow/scripts/report/write_findings.py --template workflow/report/findings.md.jinja \\
        --published workflow/report/published.json --settings findings.json \\
        --sources results/verdicts.json results/onset/onset.json \\
        --page findings.md --manifest manifest.json

findings.json: `sources` and `absent`, where files lie in results/ by the names that the template
has for them; sources are given in the alphabetical order of these, absent ones are left out. The
manifest repeats both, so that the same page can be written from copies of the sources.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.comparison import summary
from deadtokens.files import documents, opening
from deadtokens.report import findings


def main(options):
    paths, absent = options.settings["sources"], options.settings["absent"]
    published = documents.read(options.published, summary.PUBLISHED)
    sources = {
        name: findings.Source(paths[name], findings.read(file))
        for name, file in zip(sorted(paths), options.sources, strict=True)
    }
    text = findings.render(opening.text(options.template), sources, absent, published)
    with command.finished(options.page, options.manifest) as (page, record):
        page.write_text(text, encoding="utf-8")
        command.write_json(record, {"sources": paths, "absent": absent})


if __name__ == "__main__":
    arguments = command.parser(__doc__, "sources", "absent")
    arguments.add_argument("--template", type=Path, required=True, help="Markdown, Jinja2")
    arguments.add_argument("--published", type=Path, required=True)
    arguments.add_argument(
        "--sources", type=Path, nargs="*", default=[], help="JSON, CSV, Markdown"
    )
    arguments.add_argument("--page", type=Path, required=True, help="Markdown to write")
    arguments.add_argument("--manifest", type=Path, required=True, help="JSON: which file is which")
    command.run(main, arguments)
