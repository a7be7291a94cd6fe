"""The pages for readers lead where they say: links, anchors, paths, names in modules, tables."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", ".snakemake", "results", "data"} & {*path.relative_to(ROOT).parts}
)
# Not there yet; checked like all others as soon as they are.
EXPECTED_SOON = {"docs/add_an_analysis.md", "LICENSE", "CITATION.cff"}
# Where a path may begin that a page names.
BEGINNINGS = ("", "workflow", "workflow/scripts", "workflow/scripts/deadtokens")
FENCED = re.compile(r"^\s*```.*?^\s*```", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    r"`([\w./-]+/[\w.-]+\.(?:py|smk|yaml|md|rst|sh|cpp|def|json|css)|\w+\.py(?=:))(?::(\w+))?`"
)
FOLDER = re.compile(r"`((?:workflow|tests|docs|config|profiles|benchmarks|deadtokens)/[\w./-]*/)`")
# The history names what is gone, and files of results are made by those who ask for them.
# Pages that name what is gone, or what their reader is to make.
NOT_HERE = ("CHANGELOG.md", "add_an_analysis.md")
MADE = ("results/", "data/", ".snakemake/", ".provenance/")


def read(page: Path) -> str:
    return page.read_text("utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", read(page)), re.MULTILINE)
    bare = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in bare}


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", read(page)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def dead_link(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return str(target.relative_to(ROOT)) not in EXPECTED_SOON
    return bool(anchor) and anchor not in anchors(target)


def named(page: Path) -> list[tuple[str, str]]:
    """(path, name in it or empty) of all paths of sources that a page names."""
    found = PATH.findall(FENCED.sub("", read(page)))
    return [(path, name) for path, name in found if not path.startswith(MADE)]


def source(path: str) -> Path | None:
    places = (ROOT / beginning / path for beginning in BEGINNINGS)
    return next((place for place in places if place.exists()), None)


def missing(path: str, name: str) -> bool:
    if re.search(r"[A-Z]{4}", path):  # QUESTION stands for any
        return False
    place = source(path)
    if place is None:
        return path not in EXPECTED_SOON
    return bool(name) and not re.search(rf"^(?:def|class) {name}\b", read(place), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert [link for link in links(page) if dead_link(page, link)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sources_that_a_page_names_exist(page):
    if page.name in NOT_HERE:
        pytest.skip("names what is gone, or to be made")
    assert [":".join(found) for found in named(page) if missing(*found)] == []
    folders = FOLDER.findall(read(page))
    assert [f for f in folders if not re.search(r"[A-Z]{4}", f) and source(f) is None] == []


def test_there_is_something_to_follow():
    assert {"README.md", "architecture.md", "physics.md"} <= {page.name for page in PAGES}
    assert sum(len(links(page)) for page in PAGES) > 50
    assert sum(bool(name) for page in PAGES for _, name in named(page)) > 20


def test_every_table_is_whole():
    """A blank line within a table would cut it in two, the second half without a header."""
    for page in PAGES:
        blocks = re.findall(r"(?:^\|.*\n)+", read(page), re.MULTILINE)
        headless = [block for block in blocks if not block.split("\n")[1].startswith("| ---")]
        assert headless == [], page.name


@pytest.mark.parametrize(
    "link", ["nowhere.md", "README.md#no-such-heading", "docs/physics.md#no-such", "#none"]
)
def test_a_dead_link_is_seen(link):
    assert dead_link(ROOT / "README.md", link)


@pytest.mark.parametrize(
    ("path", "name"),
    [("training/gone.py", ""), ("lattice.py", "gone"), ("workflow/rules/gone.smk", "")],
)
def test_a_source_that_is_gone_is_seen(path, name):
    assert missing(path, name)
    assert not missing("deadtokens/lattice.py", "ulp")
