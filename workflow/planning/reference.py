"""config/README.md from the schema, so that every key is explained once.

PYTHONPATH=workflow python -m planning.reference
"""

from collections.abc import Mapping
from pathlib import Path

from planning import schema

ROOT = Path(__file__).parents[2]

OPENING = """\
# Configuration

<!-- `make docs` writes this from workflow/schemas/config.schema.yaml; edit it there. -->

`config.yaml` is the embedded default. Put your own on top of it, keys that you do not mention stay:

    snakemake --cores 4 results/hotter/phases.png --configfile mine.yaml

```yaml
runs:
  hotter: {like: crucible2, learning_rate: 3.0e-3}
```

Runs are data: an entry under `runs` is a run, and `like:` takes over every key of another run that
is not given. `fineweb.yaml` fetches the published text, `fineweb_files.yaml` on top of it takes it
from files, `everything_fineweb.yaml` puts every run on it, `gpu.yaml` trains every run on a GPU,
`published_files.yaml` takes the author's trajectories, `smoke.yaml` holds the small
sizes of the tests. A wrong key, type, value or name stops before any job with a message that says
what is allowed. YAML reads `1e-8` as text: write `1.0e-8`. Integers have no point: `42`, not
`42.0`.

`--config 'figures={dpi: 300}'` sets single keys, with values as a file has them. All files go after
one `--configfile`, all keys after one `--config`. Runs, sweeps and comparisons are
folders of results/: no two names are the same but for case, and none is that of a file there. Your
own files may have any name; `~` is not expanded.

**A configuration file is code.** Snakemake runs the Python in a file that says
`__use_yte__: true`, so trust one from others as you would trust a script.
"""

SECTIONS = (
    ("inputs", "inputs"),
    ("corpora.NAME", "corpus"),
    ("corpora.NAME.model_corpus_from", "hub_text"),
    ("corpora.NAME.tokenizer_from", "hub_tokenizer"),
    ("phases.NAME", "phase_scheme"),
    ("runs.NAME", "run"),
    ("freezing", "freezing"),
    ("permanence", "permanence"),
    ("cohorts", "cohorts"),
    ("drift", "drift"),
    ("kick.NAME", "kick"),
    ("causes", "causes"),
    ("causes.account", "account"),
    ("causes.onsets.NAME", "onset"),
    ("causes.forecasts.NAME", "forecast"),
    ("census.NAME", "census"),
    ("census_in_time", "census_in_time"),
    ("black_holes.NAME", "black_holes"),
    ("black_holes.NAME.published_cloud", "published_cloud"),
    ("published", "published"),
    ("report", "report"),
    ("explorer", "explorer"),
    ("verdicts", "verdicts"),
    ("verdicts.chapters.NAME", "chapter"),
    ("verdicts.questions.NAME", "question"),
    ("verdicts.questions.NAME.supported_if", "condition"),
    ("findings", "findings"),
)
LAST = (("figures", "figures"), ("cluster", "cluster"))
# Keys that hold a value and no keys of their own.
WITHOUT_SECTION = ("comparison", "verify_files")


def reference(schema: Mapping) -> str:
    """The whole page as Markdown."""
    sections = [_section(schema, *section) for section in (*SECTIONS, *LAST)]
    return "\n".join([OPENING, *sections, *(_top(schema, key) for key in WITHOUT_SECTION)])


def _top(schema: Mapping, key: str) -> str:
    rule = schema["properties"][key]
    return f"## `{key}`\n\n{rule['description']} Default: {_default(rule)}.\n"


def _section(schema: Mapping, title: str, definition: str) -> str:
    top = _described(schema, title, definition)["description"]
    rows = [
        f"| `{key}` | {_cell(rule['description'])} | {_allowed(rule)} | {_default(rule)} |"
        for key, rule in schema["$defs"][definition]["properties"].items()
    ]
    header = ["| key | meaning | allowed | default |", "| --- | --- | --- | --- |"]
    return "\n".join([f"## `{title}`", "", top, "", *header, *rows, ""])


def _described(schema: Mapping, title: str, definition: str) -> Mapping:
    """The rule that says what a section is for: its definition, or the key that stands for it."""
    rules = [schema["$defs"][definition]]
    for name in title.removesuffix(".NAME").split("."):
        above = rules[-1] if len(rules) > 1 else schema
        if "$ref" in above:
            above = schema["$defs"][above["$ref"].rsplit("/", 1)[1]]
        rules.append(above.get("properties", {}).get(name, above))
    return next(rule for rule in (rules[0], *rules[:0:-1]) if "description" in rule)


def _allowed(rule: Mapping) -> str:
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"])
    if "enum" in rule.get("items", {}):
        return "a list of " + ", ".join(f"`{value}`" for value in rule["items"]["enum"])
    if "$ref" in rule:
        return "keys of its own"
    return schema.allowed(rule)


def _cell(text: str) -> str:
    """A bar would end the cell of a table."""
    return text.replace("|", "&#124;")


def _default(rule: Mapping) -> str:
    if "default" not in rule:
        return "none"
    value = rule["default"]
    return f"`{'null' if value is None else value}`" if value != "" else "empty"


def main() -> None:
    rules = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
    (ROOT / "config/README.md").write_text(reference(rules), encoding="utf-8")


if __name__ == "__main__":
    main()
