"""The report of `make report` in a real browser: what a person sees, and can reach, of it."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from smoke import ROOT, Project, copy_sources

pytestmark = pytest.mark.browser

# Of all runs the one with fewest jobs.
ONE_RUN = "report: {runs: [crucible1], kick: []}"
SIZES = [(1400, 1000), (1024, 700), (390, 844)]
HEADING = "document.querySelector('#app .prose h1')"
# Everything under a menu's entry, by the words of that entry.
BY_WORDS = "find((a) => a.textContent.trim() === arguments[0])"
MENU = f"[...document.querySelectorAll('#app nav a')].{BY_WORDS}"
CONTENT = "document.querySelector('#app .h-screen.overflow-auto.items-center')"


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The page as `make report` makes it, of one run at smoke size."""
    project: Project = copy_sources(tmp_path_factory.mktemp("report") / "project")
    made, page = "results/.partial.report.html", project.root / "results/report.html"
    style, script = (f"workflow/report/{name}" for name in ("style.css", "report.js"))
    project.run("report_results", changes=ONE_RUN, seconds=900)
    project.run(
        *("report_results", "--report", made, "--report-stylesheet", style), changes=ONE_RUN
    )
    program = "workflow/scripts/report/finish_report.py"
    words = ("--made", made, "--script", script, "--report", page)
    subprocess.run([sys.executable, program, *words], cwd=project.root, check=True)
    # All of it stands in the Makefile as well.
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for word in (made, f"--report-stylesheet {style}", program, script):
        assert word in makefile
    return page


@pytest.fixture
def opened(browser, report):
    browser.open(report)
    browser.wait(HEADING)
    return browser


def choose(browser, *names):
    """Click entries of the menu, one after the other, by their words."""
    for name in names:
        browser.wait(lambda name=name: browser.run(f"return {MENU}", name))
        browser.run(f"{MENU}.click()", name)


def categories(browser) -> dict:
    return browser.run("return categories")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_title_is_on_the_first_screen_and_can_be_read(browser, report, size, scheme):
    browser.size(*size)
    browser.colours(scheme)
    browser.open(report)
    browser.wait(HEADING)
    place = browser.run(f"return {HEADING}.getBoundingClientRect().toJSON()")
    assert 0 <= place["top"] < place["bottom"] <= size[1]
    assert 0 <= place["left"] < place["right"] <= size[0]
    # Nothing is cut off to the right of a window that is wide enough for a table.
    if size[0] > 1000:
        assert browser.run(f"return {CONTENT}.scrollWidth - {CONTENT}.clientWidth") <= 0
    assert contrast(browser, HEADING) > 7
    for text in (".fimbulwinter p", ".fimbulwinter small", "#app .prose p"):
        assert contrast(browser, f"document.querySelector('{text}')") > 4.5, text
    assert browser.errors() == []
    assert browser.requests_elsewhere() == []


def contrast(browser, element: str) -> float:
    """Of a text against what is behind it, as WCAG defines it."""
    return browser.run(
        f"""
        const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = (text) => {{
          const [r, g, b] = numbers(text).slice(0, 3).map((x) => x / 255)
            .map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        }};
        const text = light(getComputedStyle({element}).color);
        let behind = "rgb(255, 255, 255)";
        for (let at = {element}; at; at = at.parentElement) {{
          const colour = getComputedStyle(at).backgroundColor;
          if (numbers(colour)[3] !== 0) {{ behind = colour; break; }}
        }}
        const [low, high] = [text, light(behind)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
        """
    )


def test_every_link_leads_somewhere(opened):
    links = opened.run(
        "return [...document.querySelectorAll('#app .prose a')].map((a) => [a.textContent, a.href])"
    )
    assert {"Statistics", "Workflow"} <= {text for text, _ in links}
    for text, address in links:
        if address.startswith("file:"):  # the page of tokens, which lies beside
            assert Path(url2pathname(urlsplit(address).path)).is_file(), text
        else:
            assert address.startswith(("https://", "javascript:show_panel(")), text
    assert [
        address.rpartition("/results/")[2] for text, address in links if text == "crucible1"
    ] == ["crucible1/explorer.html"]
    show = f"[...document.querySelectorAll('#app .prose a')].{BY_WORDS}"
    opened.run(f"{show}.click()", "Statistics")
    opened.wait("document.querySelector('#app .vega-embed')")
    # And home again, which is the opening page.
    opened.run("document.querySelector('#app nav nav a').click()")
    opened.wait(HEADING)
    opened.run(f"{show}.click()", "Workflow")
    opened.wait("document.querySelector('#rulegraph')")
    for category, entries in categories(opened).items():
        for name in entries:
            choose(opened, category, *([name] if len(entries) > 1 else []))
            opened.wait("document.querySelector('#app nav td')")
            opened.run("document.querySelector('#app nav nav a').click()")
    assert opened.errors() == []


def test_every_figure_has_an_alternative_text_and_its_top_can_be_reached(opened):
    opened.size(1024, 500)
    shown = opened.run(
        "return Object.entries(results).map(([k, v]) => [k, v.labels.shows, v.name])"
    )
    pictures = [(path, shows) for path, shows, _ in shown if path.endswith(".png")]
    assert len(pictures) >= 5
    for path, shows in pictures:
        opened.run(
            "app.setView({content: 'img', contentPath: results[arguments[0]].data_uri})", path
        )
        image = "document.querySelector('#app .p-3 > img')"
        opened.wait(f"{image} && {image}.complete && {image}.alt.startsWith('{shows}: ')", 5)
        assert len(opened.run(f"return {image}.alt")) > 100
        opened.run(f"{CONTENT}.scrollTop = 0")
        assert opened.run(f"return {image}.getBoundingClientRect().top") >= 0
        assert opened.run(f"return {image}.getBoundingClientRect().right") <= 1024


def test_what_had_no_run_is_folded_away_and_opens(opened):
    folded = "document.querySelector('.fimbulwinter details')"
    assert opened.run("return document.querySelectorAll('.fimbulwinter details[open]').length") == 0
    summary = opened.run(f"return {folded}.querySelector('summary').textContent")
    assert "that no run of this report answers" in summary
    seen = opened.run(
        "return [...document.querySelectorAll('.fimbulwinter td')].filter((td) => "
        "td.checkVisibility() && td.textContent.includes('in this report')).length"
    )
    assert seen == 0
    opened.run(f"{folded}.querySelector('summary').focus()")
    opened.press("ENTER")
    opened.wait(f"{folded}.open && {folded}.querySelector('td').checkVisibility()")


def test_the_keyboard_alone_leads_to_a_figure(opened):
    def to(words: str) -> None:
        for _ in range(60):
            opened.press("TAB")
            named = opened.run(
                "const a = document.activeElement;"
                "return a.getAttribute('aria-label') || a.textContent"
            )
            if named.strip() == words:
                ring = opened.run("return getComputedStyle(document.activeElement).outlineStyle")
                assert ring == "solid"
                opened.press("ENTER")
                return
        pytest.fail(f"{words} cannot be reached")

    first = next(name for name in categories(opened) if name.startswith("1 "))
    to(first)
    opened.wait("document.querySelector('#app nav td')")
    opened.run("document.activeElement.blur()")
    to("Show phases over time, on both scales")
    opened.wait("document.querySelector('#app .p-3 > img')")


def test_provenance_reads_like_words(browser, report):
    browser.open(report.with_name("provenance.html"))
    text = browser.run("return document.body.innerText")
    cells = browser.run("return [...document.querySelectorAll('td')].map((td) => td.textContent)")
    assert "instruction set" in text
    assert "OMP_NUM_THREADS = 1" in text
    for cell in cells:
        assert not set("{}[]'") & {*cell}, cell
    assert not browser.run("return document.querySelector('pre').checkVisibility()")
