"""What the faults came to: tried, survived (same bytes), reported (one message), silent, lost.

Counted over a whole call of pytest, and printed at its end as the table of docs/reliability.md.
"""

from collections import Counter, defaultdict

OUTCOMES = ("survived", "reported", "silent", "traceback", "lost")
_counted: dict[str, Counter] = defaultdict(Counter)


def count(kind: str, outcome: str, times: int = 1) -> None:
    """A fault of this kind was tried, and came to this."""
    assert outcome in OUTCOMES
    _counted[kind][outcome] += times


def table() -> str:
    """Markdown: a line for each kind."""
    lines = [f"| kind | tried | {' | '.join(OUTCOMES)} |", "| --- " * (len(OUTCOMES) + 2) + "|"]
    for kind, outcomes in sorted(_counted.items()):
        numbers = (str(outcomes[name]) for name in OUTCOMES)
        lines.append(f"| {kind} | {outcomes.total()} | {' | '.join(numbers)} |")
    return "\n".join(lines) if _counted else ""


def counted() -> dict[str, dict[str, int]]:
    """All counts, to hand from a worker to the process that prints."""
    return {kind: dict(outcomes) for kind, outcomes in _counted.items()}


def add(counts: dict[str, dict[str, int]]) -> None:
    for kind, outcomes in counts.items():
        _counted[kind].update(outcomes)
