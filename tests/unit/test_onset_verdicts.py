"""The shipped questions on what freezes tokens, judged on planted arms of whole runs."""

import pytest
from test_onset import course_of, stopping
from test_onset_configuration import resolved

from deadtokens.causes import onset, onset_summary
from deadtokens.report import verdicts

SEEDS, TOKENS = (42, 43, 44), 30
QUESTIONS = resolved()["verdicts"]["questions"]
ASKED = {name: q for name, q in QUESTIONS.items() if q["file"] == "onset.json"}


def found(lasts, reference, through=500, still_for=100):
    """onset.json of arms whose tokens all stop at a step, a little later at each seed."""
    horizon = onset.Horizon(through, still_for)
    courses = {
        arm: [
            onset.through(
                course_of(stopping([last + 5 * i] * TOKENS, through), still_for), arm, horizon
            )
            for i in range(len(SEEDS))
        ]
        for arm, last in lasts.items()
    }
    arms = [
        {"arm": arm, "changes": {}, "runs": [{"run": f"{arm}_{s}", "seed": s} for s in SEEDS]}
        for arm in lasts
    ]
    rules = {"reference": reference, "through_step": through, "still_for": still_for}
    settings = rules | {"from_step": 1, "bin_steps": 100, "arms": arms}
    return onset_summary.summary(settings, courses, {arm: [] for arm in lasts})


def judged(of_onset, of_rate):
    evidence = {
        "onset/onset.json": found(of_onset, "published"),
        "rate_and_decay/onset.json": found(of_rate, "decay"),
    }
    steps = {"onset": 1500, "rate_and_decay": 1500}
    return {row["name"]: row["verdict"] for row in verdicts.judge(ASKED, evidence, steps)}


@pytest.mark.parametrize(
    ("of_onset", "of_rate", "expected"),
    [
        ((200, 500, 500), (200, 400), ("supported", "contradicted", "contradicted")),
        ((200, 210, 260), (200, 100), ("contradicted", "supported", "supported")),
        ((200, 280, 360), (200, 205), ("undecided", "undecided", "undecided")),
    ],
)
def test_verdicts_follow_what_was_planted(of_onset, of_rate, expected):
    """Complete freezes of the reference, and of every arm, none and all of it gone."""
    assert ASKED.keys() == {"rate_or_decay", "mixed_precision", "softmax"}
    verdict = judged(
        dict(zip(("published", "float32_states", "float32_both"), of_onset, strict=True)),
        dict(zip(("decay", "rate_3e-4"), of_rate, strict=True)),
    )
    assert tuple(verdict[n] for n in ("rate_or_decay", "mixed_precision", "softmax")) == expected
