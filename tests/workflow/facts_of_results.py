"""Whether a file has what the findings take from it: a moved key is noticed where it was moved."""

import json
from pathlib import Path

from deadtokens.report import facts, findings_tables

# What the template says for what stands in braces.
KEYS = {"series": "stitched", "part": "schedule_before_the_seam"}
# Facts that become tables, and the columns that they are shown with.
TABLES = {
    "phases.json": {"phases_of_elements": "phases", "phases_of_vectors": "phases"},
    "freezing.json": {"counted": "counted"},
    "stillness.json": {"longest": "silences"},
    "permanence.json": {"still_for": "still_for", "elements_still_for": "still_for"},
    "gradients.json": {"tests": "cohort_tests"},
    "drift.json": {"clouds": "clouds"},
    "kick.json": {"parts": "parts"},
    "forecast.json": {"methods": "methods"},
}


def check(path: Path) -> None:
    """Every fact of the file is there, and every column of its tables."""
    found = json.loads(path.read_text("utf-8"))
    said = {name: facts.fact(path.name, found, name, **KEYS) for name in facts.FACTS[path.name]}
    if path.name == "onset.json":
        arms = findings_tables.with_key(said["arms"], "goes_away", said["goes_away"])
        assert findings_tables.by_name(arms, "arm", "arms").shape[0] == len(arms)
        findings_tables.by_name(said["interactions"], "both at once", "interactions")
    for name, columns in TABLES.get(path.name, {}).items():
        entries = said[name]
        findings_tables.by_entry(
            [*entries.values()] if isinstance(entries, dict) else entries, columns
        )
