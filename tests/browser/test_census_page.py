"""The page of a census, in a real browser, on a planted one with odd tokens; and a large one."""

import csv
import io
import time

import planted_census
import pytest
from planted_explorer import ODD

pytestmark = pytest.mark.browser

OPENED = "document.documentElement.dataset.openedIn"
HOLE = len(ODD)  # tokens of vector 0


@pytest.fixture(scope="session")
def census(tmp_path_factory):
    folder = tmp_path_factory.mktemp("census")
    matrices = planted_census.matrix(), planted_census.matrix("output", reverse=True)
    planted_census.write(folder, *matrices)
    return planted_census.page(folder)


@pytest.fixture
def opened(browser, census):
    browser.open(census)
    browser.wait(OPENED)
    yield browser
    assert browser.errors() == []
    assert browser.requests_elsewhere() == []
    assert browser.run("return window.hacked === undefined")


def text(browser, selector):
    return browser.run("return document.querySelector(arguments[0]).textContent", selector)


def column(browser, table, key):
    return browser.run(
        "const [table, key] = arguments;"
        "const heads = [...document.querySelectorAll(`#${table} th`)].map((h) => h.dataset.key);"
        "return [...document.querySelectorAll(`#${table} tbody tr`)]"
        ".map((row) => row.cells[heads.indexOf(key)].textContent)",
        *(table, key),
    )


def test_odd_tokens_are_text_wherever_they_stand(opened):
    opened.fill("find", "<script>")
    assert opened.run("return document.querySelectorAll('#matches li').length") == 1
    opened.press("ENTER")
    assert "<script>window.hacked = 1</script>" in text(opened, "#token h2")
    cells = column(opened, "tokens", "token")
    assert cells[:HOLE][:4] == [*ODD[:4]]
    assert {"␣␣␣", "⏎⇥", "⟨U+202E⟩abc", 'a,b␍⏎"c"', "(empty)"} - {*cells} == {"(empty)"}
    shared = opened.run(
        "return [...document.querySelectorAll('#token .members li')].map((li) => li.textContent)"
    )
    assert len(shared) == HOLE - 1
    assert "</script><img src=x onerror='window.hacked = 1'>" in shared
    assert opened.run("return document.querySelectorAll('main img, main b, main i').length") == 0
    assert "<i>one</i>" in text(opened, "#title")


def test_what_is_known_of_a_token_is_said(opened):
    for asked, expected in (("😀", ODD.index("😀")), ("25", 25), ("   ", ODD.index("   "))):
        opened.fill("find", asked)
        opened.press("ENTER")
        assert opened.run("return view.token") == expected, asked
    opened.fill("find", "21")
    opened.press("ENTER")
    said = text(opened, "#token")
    for words in (
        *("Kindplain", "Reachableyes", "1, a black hole of 4 tokens", "Shared withword20"),
        *("in the outskirts, component 1", "exponent distance 0", "Norm0.08", "Cosine distance"),
    ):
        assert words in said, words
    opened.fill("find", "119")
    opened.press("ENTER")
    assert "counted apart, as no token has this row" in text(opened, "#token")
    opened.fill("find", "no such thing")
    assert "No token of this matrix fits" in text(opened, "#message")


def test_the_tables_sort_filter_and_lead_from_one_to_the_other(opened):
    assert column(opened, "vectors", "population") == [str(HOLE), "4"]
    for key in ("norm", "norm"):
        opened.run(f"document.querySelector('#tokens th[data-key={key}] button').click()")
    norms = [float(value) for value in column(opened, "tokens", "norm")]
    assert norms == sorted(norms, reverse=True)
    assert "sort=-norm" in opened.run("return location.hash")
    opened.run("document.querySelector('#vectors [aria-label=\"All tokens of vector 1\"]').click()")
    assert sorted(column(opened, "tokens", "token_id")) == ["20", "21", "22", "23"]
    assert "vector=1" in opened.run("return location.hash")
    opened.fill("vector", "")
    opened.fill("kind", "padded")
    assert column(opened, "tokens", "token_id") == ["117", "118", "119"]
    # What is missing stands last, whichever way: padded rows have no vector.
    opened.fill("kind", "")
    for _ in range(2):
        opened.run("document.querySelector('#tokens th[data-key=population] button').click()")
        rows = opened.run("return [...rowsOfTokens()].slice(-3)")
        assert rows == [117, 118, 119]
    opened.run("document.getElementById('holes').click()")
    assert text(opened, "#tokens-count") == "1 to 16 of 16 tokens"
    opened.fill("component", "0")
    assert text(opened, "#tokens-count") == "1 to 12 of 12 tokens"
    opened.fill("filter", "script>")
    assert len(column(opened, "tokens", "token_id")) == 2


def test_matrices_and_readings_are_chosen_and_a_page_of_rows_turned(opened):
    names = opened.run("return [...document.querySelectorAll('#reading option')].length")
    assert names == 4
    assert "0 pairs of neighbours" in text(opened, "#short")
    opened.fill("reading", "1", "change")
    opened.wait("shown.chosen.reading === 'bfloat16'")
    assert "1 pair of neighbours (1 by face), 1 component;" in text(opened, "#short")
    assert opened.run("return location.hash").startswith("#m=input&r=bfloat16")
    opened.fill("reading", "2", "change")
    opened.wait("shown.chosen.matrix === 'output'")
    assert text(opened, "#tokens-count") == "1 to 50 of 120 tokens"
    opened.run("document.getElementById('tokens-next').click()")
    assert text(opened, "#tokens-count") == "51 to 100 of 120 tokens"


def test_the_address_brings_a_view_back_and_says_what_is_not_there(opened, census):
    fragment = "#m=output&r=bfloat16&t=7&sort=-distance&q=word&kind=unused&v=all&vsort=vector"
    opened.open(census, fragment)
    opened.wait(OPENED)
    seen = "[shown.chosen.matrix, view.token, view.sort, view.down, view.kind, view.vectors]"
    expected = ["output", 7, "distance", True, "unused", "all"]
    assert opened.run(f"return {seen}") == expected
    opened.open(census, opened.run("return location.hash"))
    opened.wait(OPENED)
    assert opened.run(f"return {seen}") == expected
    assert column(opened, "tokens", "token_id")
    opened.open(census, "#m=wind&t=999&vector=abc&sort=colour&z=1")
    opened.wait(OPENED)
    message = text(opened, "#message")
    for words in ("no matrix wind", "no token 999", "vector is abc, expected a whole number"):
        assert words in message


def test_what_is_shown_can_be_downloaded(opened):
    opened.run("filtered('holes', true); document.getElementById('tokens-download').click()")
    end = time.monotonic() + 20
    while not (paths := [*opened.downloads.glob("*.csv")]) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.2)
    rows = list(csv.DictReader(io.StringIO(paths[0].read_bytes().decode("utf-8"), newline="")))
    assert [row["token"] for row in rows[:HOLE]] == [*ODD]
    assert [row["population"] for row in rows] == [str(HOLE)] * HOLE + ["4"] * 4
    assert {row["matrix"] for row in rows} == {"input"}
    norm = 48**0.5 * 0.01171875
    assert float(rows[0]["norm"]) == pytest.approx(norm, rel=1e-6)


def test_the_keyboard_alone_finds_sorts_and_leads_to_tokens(opened):
    def to(condition):
        for _ in range(90):
            opened.press("TAB")
            if opened.run(f"const at = document.activeElement; return {condition}"):
                ring = opened.run("return getComputedStyle(document.activeElement).outlineStyle")
                assert ring == "solid", condition
                return
        pytest.fail(f"{condition} cannot be reached")

    to("at.id === 'find'")
    opened.press("word2", "ARROW_DOWN", "ARROW_DOWN", "ENTER")
    assert opened.run("return view.token") == 21
    to("at.getAttribute('aria-label') === 'All tokens of vector 0'")
    opened.press("ENTER")
    assert opened.run("return view.vector") == "0"
    to("at.closest('#tokens th')?.dataset.key === 'token'")
    opened.press("SPACE")
    assert opened.run("return document.querySelector('#tokens th[data-key=token]').ariaSort") == (
        "ascending"
    )


def test_no_request_leaves_the_page_and_what_would_is_blocked(browser, census):
    browser.open(census)
    browser.wait(OPENED)
    blocked = browser.driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1], seen = [];
        document.addEventListener("securitypolicyviolation", (e) => seen.push(e.blockedURI));
        new Image().src = "https://example.com/seen.png";
        fetch("https://example.com/data").catch(() => {});
        setTimeout(() => done(seen), 500);
        """
    )
    assert {*blocked} == {"https://example.com/seen.png", "https://example.com/data"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1400, 1000), (390, 844)])
def test_it_fits_the_window_in_light_and_dark(browser, census, scheme, size):
    browser.size(*size)
    browser.colours(scheme)
    browser.open(census, "#t=3")
    browser.wait(OPENED)
    assert browser.run("return document.documentElement.scrollWidth") <= size[0]
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 24, 29)")
    assert browser.run("return document.querySelectorAll('svg.chart circle').length") == 2 + 13


def test_a_matrix_without_a_tokenizer(browser, tmp_path):
    planted_census.write(tmp_path, planted_census.matrix(named=False))
    browser.open(planted_census.page(tmp_path))
    browser.wait(OPENED)
    heads = browser.run("return tokenColumns().map(({ key }) => key)")
    assert not {"script", "reachable", "dead", "cosine_distance"} & {*heads}
    browser.run("showToken(21)")
    assert "a black hole of 4 tokens" in text(browser, "#token")
    assert browser.errors() == []


def test_a_page_that_was_cut_short_says_so(browser, census):
    whole = census.read_text("utf-8")
    at = whole.index('id="column-1">') + len('id="column-1">')
    short = census.with_name("short.html")
    short.write_text(whole[: at + 20] + whole[whole.index("</script>", at) :], encoding="utf-8")
    browser.open(short)
    assert "make it again" in browser.wait("document.querySelector('[role=alert]')?.textContent")


def test_a_vocabulary_of_its_real_size_is_small_and_fast(browser, tmp_path):
    """Processor time of the page's own thread, which other work hardly touches."""
    planted_census.write_large(tmp_path, 151_936)
    path = planted_census.page(tmp_path)
    assert path.stat().st_size < 15e6

    def busy():
        found = browser.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(metric["value"] for metric in found if metric["name"] == "TaskDuration")

    browser.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy()
    browser.open(path)
    browser.wait(OPENED)
    assert busy() - before < 3
    for act in ("type", "sort", "filter"):
        before = busy()
        if act == "type":
            browser.fill("find", "abcd")
        elif act == "sort":
            browser.run("document.querySelector('#tokens th[data-key=token] button').click()")
        else:
            browser.fill("filter", "abc")
        assert busy() - before < 1, act
