"""Programs that read what other jobs found: any damage ends in one message that names the file.

Each program runs in this process on good files, then again and again with one of them spoiled: a
name left out, a value of another type or far out of range, flipped bits, the end cut off.
"""

import contextlib
import copy
import io
import json
import random
import runpy
import sys

import numpy as np
import pandas as pd
import planted
import pytest

from deadtokens.files import tables
from deadtokens.files.trajectory import write_file
from deadtokens.permanence import permanence, stillness
from deadtokens.report import verdicts

EXPERIMENT, STEPS = "Crucible 2", 40
PHASE = {"vanished": {"first": None}, "majority": {"first": 3}}
ANY_QUESTION = dict.fromkeys(
    ("undecided_because", "minus", "interval", "supported_if", "contradicted_if")
) | {
    "kind": "changed_after",
    "divided_by": [],
    "never": "undecided",
    "unit": "",
    "notebook": "C",
    "needs_steps": 0,
}
LOOK = {"title": "Planted", "width_mm": 100, "dpi": 40}


def good_files(folder):
    """Small results as the steps before leave them, by name."""
    moving = np.maximum(0, 12 - np.arange(STEPS))
    moving[[20, 21, 30]] = 1
    l2 = np.random.default_rng(1).exponential(size=(STEPS, 6)).astype(np.float32)
    l2[25:, :3] = 0
    moves = l2 >= np.float32(0.1)
    elements = permanence.follow(np.repeat(moves[:, :, None], 2, axis=2), STEPS, [4])
    followed, rules = permanence.follow(moves, STEPS, [4]), permanence.Rules([4], 0.95, 10)
    write_file(folder / "tokens.safetensors", {"tokens": np.arange(9, dtype=np.int32) % 4})
    tables.write(folder / "stillness.csv", stillness.table(*stillness.runs(moving)))
    tables.write(folder / "permanence.csv", permanence.table(followed, elements, rules))
    tables.write(folder / "phases.csv", pd.DataFrame({"element_mean": np.linspace(9, 1, STEPS)}))
    question = ANY_QUESTION | {"question": "Is it?", "statistic": "steps", "chapter": "one"}
    question |= {"run": folder.name, "file": "summary.json", "value": "steps"}
    rows = verdicts.judge({"it": question}, {}, {})
    chapters = {"one": {"title": "One", "text": "text"}}
    documents = {
        "metadata": {
            **{"experiment": EXPERIMENT, "total_steps": STEPS, "final_loss": 1.5},
            "provenance": {"versions": {"torch": "2"}, "machine": {}, "code": "0" * 64},
        },
        "masks": {"entries": 9, "tokens": 9, "live": 4, "dead": 5},
        "rows": {"momentum_norm": [1e-5, 1e-3], "net_displacement": 0.5},
        "phases": {
            **{"phases": ["a", "b"], "vanishing_fraction": 0.01},
            "motion": {"tokens_moving_at_last_step": 0, "last_motion_step": 31},
            "scales": {"element": {"phases": {"a": PHASE, "b": PHASE}}},
        },
        "freezing": {"still_for": 10, "min": 2, "median": 9, "max": None},
        "stillness": stillness.summary(moving, 12, 0.1, 10),
        "permanence": permanence.summary(followed, elements, 0.1, rules),
        "published": {EXPERIMENT: {"steps": 500, "momentum_norm": [1e-5, 1e-3]}},
        "verdicts": {
            "counts": verdicts.counts(rows),
            "counts_by_kind": verdicts.counts_by_kind(rows),
            "chapters": chapters,
            "verdicts": rows,
        },
        "summary": {
            **{"experiment": EXPERIMENT, "steps": STEPS, "separation_step": 500, "absent": {}},
            **{"final_loss": 1.5, "freezing": [2, 9, None], "last_motion": 31, "half_still": None},
            **{"stillness_runs": 3, "longest_stillness": [9, 3], "momentum_norm": [1e-5, 1e-3]},
            **{"hottest_phase": "b", "vanishing_fraction": 0.01, "hottest_phase_vanished": 4},
            **{"separation_at_start": 0.1, "net_displacement": 0.5, "live": 4, "dead": 5},
        },
    }
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document), "utf-8")
    return {"it": question}, chapters


# By program: which option reads which file; how what it writes is called.
PROGRAMS = {
    "compare_runs": ({"published": "published.json", "summaries": "summary.json"}, "table"),
    "compare_with_published": (
        {"published": "published.json", "summaries": "summary.json"},
        "table",
    ),
    "compare_sweep": ({"summaries": "summary.json"}, "table"),
    "write_runs_page": ({"published": "published.json", "summaries": "summary.json"}, "page"),
    "write_provenance_page": ({"metadata": "metadata.json"}, "page"),
    "write_verdicts_page": ({"verdicts": "verdicts.json"}, "page"),
    "judge_questions": ({"evidence": "summary.json"}, "verdicts"),
    "summarize_run": (
        {
            **{name: f"{name}.json" for name in ("metadata", "phases", "freezing", "stillness")},
            **{"corpus": "masks.json", "measured": "rows.json", "table": "phases.csv"},
            "tokens": "tokens.safetensors",
        },
        "summary",
    ),
    "draw_stillness": ({"table": "stillness.csv", "summary": "stillness.json"}, "figure"),
    "draw_permanence": ({"table": "permanence.csv", "summary": "permanence.json"}, "figure"),
}
TRIES = {"draw_stillness": 12, "draw_permanence": 12}
VALUES = (None, "text", "", -1, 0, 0.5, 10**6, -(10**18), 1e300, True, [], {}, [1, "a"], {"a": 1})


def settings_of(program, folder, question, chapters):
    order = {"questions": list(question), "chapters": list(chapters)}
    return {
        "compare_sweep": {"runs": {folder.name: {"random_seed": 1}}},
        "write_provenance_page": {"configuration": {}},
        "judge_questions": {
            **{"questions": question, "chapters": chapters},
            **{"order": order, "steps": {}, "seeds": {}},
        },
        "summarize_run": {"record": ["W"], "rows": "all", "separation_step": 500},
        "draw_stillness": LOOK,
        "draw_permanence": LOOK,
    }.get(program)


def call(program, words):
    """How it ends: None, or its message."""
    _, path, *figure = planted.program(program)
    old, sys.argv = sys.argv, [str(path), *figure, *map(str, words)]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as end:
        return said.getvalue().splitlines()[-1] if end.code == 1 else f"exit code {end.code}"
    finally:
        sys.argv = old


def places(value, place=()):
    """Where something stands in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*place, key)
        if isinstance(item, dict | list):
            yield from places(item, (*place, key))


def spoiled(content, suffix, chance):
    """The content with one damage."""
    if suffix == ".json" and chance.random() < 0.7:
        document = json.loads(content)
        *above, last = chance.choice(list(places(document)))
        holder = document
        for key in above:
            holder = holder[key]
        if chance.random() < 0.3:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(chance.choice(VALUES))
        return json.dumps(document).encode()
    if chance.random() < 0.3:
        return content[: chance.randrange(len(content))]
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("program", PROGRAMS)
def test_damage_is_reported_or_does_no_harm(tmp_path, program):
    folder = tmp_path / "run"
    folder.mkdir()
    question, chapters = good_files(folder)
    inputs, output = PROGRAMS[program]
    words = [word for name, file in inputs.items() for word in (f"--{name}", folder / file)]
    settings = settings_of(program, folder, question, chapters)
    words += ["--settings", json.dumps(settings)] if settings else []
    words += ["--table", tmp_path / "made.csv"] if program == "judge_questions" else []
    made = tmp_path / ("made.png" if output == "figure" else "made")
    words += [f"--{output}", made]
    assert call(program, words) is None
    outcomes = set()
    for seed in range(TRIES.get(program, 60)):
        made.unlink(missing_ok=True)
        chance = random.Random(seed)
        path = folder / chance.choice(sorted(inputs.values()))
        content = path.read_bytes()
        path.write_bytes(spoiled(content, path.suffix, chance))
        message = call(program, words)
        if message is not None:
            assert message.startswith("error: ")
            assert str(path) in message
            assert not made.exists()
        assert not list(tmp_path.glob(".partial*"))
        outcomes.add(message is None)
        path.write_bytes(content)
    assert False in outcomes
