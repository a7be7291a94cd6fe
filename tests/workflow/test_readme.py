"""What the README shows is what the workflow is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_rule_graph_of_the_readme_is_that_of_the_workflow(fresh):
    output = fresh.snakemake("results/crucible2/phases.png", "--rulegraph", "mermaid-js").stdout
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", output))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", output)}
    readme = (ROOT / "README.md").read_text("utf-8")
    assert edges == set(re.findall(r"^    (\w+) --> (\w+)$", readme, re.MULTILINE))
    assert edges
