"""The page to look at tokens with, in a real browser, on a planted run with odd tokens."""

import csv
import io
import json
import re
import time
import zlib
from base64 import b64decode

import numpy as np
import pytest
from planted_explorer import ODD, PHASES, Planted

from deadtokens.pages import parts

pytestmark = pytest.mark.browser

OPENED = "document.documentElement.dataset.openedIn"


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    run = Planted(tmp_path_factory.mktemp("planted"))
    run.page()
    return run


@pytest.fixture
def opened(browser, planted):
    browser.open(planted.path("explorer.html"))
    browser.wait(OPENED)
    yield browser
    assert browser.errors() == []
    assert browser.requests_elsewhere() == []
    assert browser.run("return window.hacked === undefined")


def shown_ids(browser):
    return browser.run("return view.tokens")


def found(browser):
    return browser.run(
        "return document.getElementById('matches').hidden ? [] :"
        "[...document.querySelectorAll('#matches li')].map((li) => li.textContent)"
    )


def test_odd_tokens_are_text_wherever_they_stand(opened, planted):
    ids = list(range(2, 2 + len(ODD)))
    opened.run("view.tokens = arguments[0]; tokensChanged()", ids[:8])
    opened.run("view.tokens = arguments[0]; tokensChanged()", ids[4:])
    cells = opened.run(
        "return [...document.querySelectorAll('#table tbody td:nth-child(2)')]"
        ".map((td) => td.textContent)"
    )
    assert len(cells) == len(ODD)
    for text in ODD[:4]:
        assert text in cells
    assert "␣␣␣" in cells  # blanks alone can be seen
    assert "⏎⇥" in cells
    assert "⟨U+202E⟩abc" in cells  # what would turn all that follows round
    assert opened.run("return document.querySelectorAll('main img, main b, main i').length") == 0
    title = opened.run("return document.getElementById('title').textContent")
    assert "<i>run</i>" in title
    opened.wait("document.querySelectorAll('.u-legend').length > 0")


def test_a_token_is_found_by_text_number_and_script(opened):
    opened.run("view.tokens = []; tokensChanged()")
    for asked, expected in (("😀", ODD.index("😀")), ("6", 4), ("thai", ODD.index("ไทย"))):
        opened.fill("find", asked)
        assert opened.wait("!document.getElementById('matches').hidden")
        first = found(opened)[0]
        assert f" {expected + 2}," in first, (asked, first)
        opened.press("ENTER")
        assert shown_ids(opened)[-1] == expected + 2
    opened.fill("find", "   ")  # whitespace alone is a token, too
    assert f" {ODD.index('   ') + 2}," in found(opened)[0]
    opened.press("ESCAPE")
    assert found(opened) == []
    opened.fill("find", "quoted")
    opened.press("ARROW_DOWN")
    active = opened.run(
        "return document.getElementById(document.getElementById('find')"
        ".getAttribute('aria-activedescendant')).getAttribute('aria-selected')"
    )
    assert active == "true"
    opened.press("ENTER")
    assert shown_ids(opened)[-1] == 3
    opened.fill("find", "no such thing")
    assert "No dead token" in opened.run("return document.getElementById('message').textContent")
    summary = opened.run("return document.getElementById('shown').textContent")
    assert "stopped, still for" in summary


def test_hover_shows_values_and_cursors_are_linked(opened, planted):
    from selenium.webdriver.common.action_chains import ActionChains

    ids = [2, 2 + len(ODD) - 1]
    opened.run("view.tokens = arguments[0]; tokensChanged()", ids)
    over = opened.run("return document.querySelector('#chart-element .u-over')")
    ActionChains(opened.driver).move_to_element_with_offset(over, -300, 0).perform()
    step = opened.wait(
        "charts.get('element').cursor.idx !== null && "
        "stepOf(data.panels.get('element')[0], charts.get('element').cursor.idx)"
    )
    legends = opened.wait(
        "(() => { const of = (name) => [...document.querySelectorAll(`#chart-${name} .u-value`)]"
        ".map((x) => x.textContent);"
        "const all = ['element', 'vector', 'phase', 'm'].map(of);"
        " return all.every((one) => one[0] === all[0][0] && one[0] !== '--') && all; })()"
    )
    assert {legend[0] for legend in legends} == {f"{step:,}"}
    exact = {name: rows[step - 1] for name, rows in planted.norms().items()}
    for legend, name in ((legends[0], "l2"), (legends[1], "vector_ulp")):
        for text, place in zip(legend[1:], (0, len(ODD) - 1), strict=True):
            assert float(text.replace(",", "")) == pytest.approx(exact[name][place], rel=0.05)
    phases = [
        PHASES[np.searchsorted([0.1, 10, 100], exact[n][p], side="right")]
        for p in (0, len(ODD) - 1)
        for n in ("l2", "vector_ulp")
    ]
    assert legends[2][1:] == phases


def test_zoom_moves_all_charts_and_the_address(opened, planted):
    from selenium.webdriver.common.action_chains import ActionChains

    def ranges():
        return opened.run(
            "return [...charts.values()].map((c) => [c.scales.x.min, c.scales.x.max])"
        )

    over = opened.run("return document.querySelector('#chart-vector .u-over')")
    drag = ActionChains(opened.driver).move_to_element_with_offset(over, -200, 0)
    drag.click_and_hold().move_by_offset(250, 0).release().perform()
    opened.wait("view.to - view.from < 200")
    opened.wait("location.hash.includes(`x=${view.from}-${view.to}`)")
    assert len({tuple(found) for found in ranges()}) == 1
    before = opened.run("return [view.from, view.to]")
    # Shift and drag moves, the wheel zooms at the pointer, a double click shows all.
    from selenium.webdriver.common.keys import Keys

    drag = ActionChains(opened.driver).key_down(Keys.SHIFT).move_to_element(over)
    drag.click_and_hold().move_by_offset(-150, 0).release().key_up(Keys.SHIFT).perform()
    opened.wait(f"view.from > {before[0]}")
    after = opened.run("return [view.from, view.to]")
    assert after[1] - after[0] == before[1] - before[0]
    opened.run(
        "document.querySelector('#chart-vector .u-over').dispatchEvent("
        "new WheelEvent('wheel', {deltaY: 100, clientX: 500, bubbles: true}))"
    )
    opened.wait(f"view.to - view.from > {after[1] - after[0]}")
    ActionChains(opened.driver).double_click(over).perform()
    opened.wait(f"view.from === 0 && view.to === {planted.steps}")


def heights(browser):
    return browser.run(
        "const ends = ({scales: {y}}) => [y.min, y.max];"
        "return Object.fromEntries([...charts].map(([name, chart]) => [name, ends(chart)]))"
    )


def test_a_drag_up_or_down_zooms_into_the_heights_of_one_chart(opened, planted):
    from selenium.webdriver.common.action_chains import ActionChains

    before = heights(opened)
    over = opened.run("return document.querySelector('#chart-element .u-over')")
    drag = ActionChains(opened.driver).move_to_element_with_offset(over, 0, -40)
    drag.click_and_hold().move_by_offset(3, 80).release().perform()
    opened.wait("view.heights.has('element')")
    after = heights(opened)
    low, high = before.pop("element"), after.pop("element")
    assert low[0] < high[0] < high[1] < low[1]
    assert after == before  # of no other chart
    assert opened.run("return [view.from, view.to]") == [0, planted.steps]
    opened.wait("location.hash.includes('y=element_')")
    opened.open(planted.path("explorer.html"), opened.run("return location.hash"))
    opened.wait(OPENED)
    assert heights(opened)["element"] == pytest.approx(high, abs=1e-3)
    # Aslant it zooms into both, and a double click shows all.
    over = opened.run("return document.querySelector('#chart-element .u-over')")
    drag = ActionChains(opened.driver).move_to_element_with_offset(over, -100, -50)
    drag.click_and_hold().move_by_offset(200, 60).release().perform()
    opened.wait("view.to - view.from < 200")
    within = heights(opened)["element"]
    assert within[1] - within[0] < high[1] - high[0]
    ActionChains(opened.driver).double_click(over).perform()
    opened.wait(f"view.heights.size === 0 && view.to === {planted.steps}")
    opened.wait(f"charts.get('element').scales.y.max > {low[1]} - 0.01")
    assert heights(opened) == {"element": low, **before}


def test_the_keyboard_alone_zooms_moves_reads_sorts_and_removes(opened, planted):
    def to(condition):
        for _ in range(80):
            opened.press("TAB")
            if opened.run(f"const at = document.activeElement; return {condition}"):
                ring = opened.run("return getComputedStyle(document.activeElement).outlineStyle")
                assert ring == "solid", condition
                return
        pytest.fail(f"{condition} cannot be reached")

    to("at.getAttribute('aria-label')?.startsWith('Remove token')")
    number = len(shown_ids(opened))
    opened.press("ENTER")
    assert len(shown_ids(opened)) == number - 1
    to("at.id === 'charts'")
    opened.press("+", "+")
    opened.wait(f"view.to - view.from <= {planted.steps // 4 + 1}")
    start = opened.run("return view.from")
    opened.press("ARROW_RIGHT")
    opened.wait(f"view.from > {start}")
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    step = ActionChains(opened.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT)
    step.send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    reading = opened.run("return document.getElementById('reading').textContent")
    assert reading.startswith("step ")
    assert "|ΔW′|₂" in reading
    zoomed = ActionChains(opened.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_UP)
    zoomed.key_up(Keys.SHIFT).perform()
    opened.wait("view.heights.size === charts.size - 1")  # phases have none
    opened.press("0")
    opened.wait(f"view.to === {planted.steps} && view.from === 0 && view.heights.size === 0")
    to("at.closest('th')?.dataset.key === 'id'")
    opened.press("ENTER")
    sorted_by = "document.querySelector('#table th[data-key=id]').ariaSort"
    assert opened.run(f"return {sorted_by}") == "ascending"
    opened.press("SPACE")
    assert opened.run(f"return {sorted_by}") == "descending"
    assert "sort=-id" in opened.run("return location.hash")


def column(browser, number):
    return browser.run(
        "return [...document.querySelectorAll(`#table tbody td:nth-child(${arguments[0]})`)]"
        ".map((td) => td.textContent)",
        number,
    )


def test_the_table_sorts_filters_and_leads_to_charts(opened, planted):
    last = planted.freezing()["last_motion_step"]
    shown = [int(text.replace(",", "")) for text in column(opened, 4)]
    assert shown == sorted(last, reverse=True)
    for number, key in ((1, "id"), (4, "last")):
        opened.run(f"document.querySelector('#table th[data-key={key}] button').click()")
        if key == "last":
            opened.run(f"document.querySelector('#table th[data-key={key}] button').click()")
        values = [int(text.replace(",", "")) for text in column(opened, number)]
        assert values == sorted(values, reverse=key == "last"), key
    opened.fill("filter", "<script>")
    assert column(opened, 2) == [ODD[0]]
    assert opened.run("return document.getElementById('count').textContent") == "1 to 1 of 1 tokens"
    opened.fill("filter", "")
    opened.run(
        "const s = document.getElementById('state'); s.value = 'censored';"
        "s.dispatchEvent(new Event('change'))"
    )
    censored = int((last > planted.steps - 20).sum())
    assert len(column(opened, 1)) == censored
    assert "state=censored" in opened.run("return location.hash")
    link = opened.run("return document.querySelector('#table tbody a').getAttribute('href')")
    opened.run("document.querySelector('#table tbody a').click()")
    opened.wait(f"view.tokens.length === 1 && '#t=' + view.tokens[0] === '{link}'")
    button = "document.querySelector('#table tbody tr:nth-child(3) button')"
    opened.run(f"{button}.click()")
    opened.wait("view.tokens.length === 2")


def test_the_address_brings_a_view_back_and_says_what_is_not_there(browser, opened, planted):
    fragment = "#t=5.3&x=40-90&p=vector.phase&sort=id&q=b&state=stopped"
    opened.open(planted.path("explorer.html"), fragment)
    opened.wait(OPENED)
    assert opened.run("return [view.tokens, view.from, view.to, view.panels]") == [
        *([5, 3], 40, 90, ["vector", "phase"])
    ]
    assert opened.run("return [...document.querySelectorAll('.chart')].map((c) => c.id)") == [
        *("chart-vector", "chart-phase")
    ]
    assert opened.run("return document.getElementById('filter').value") == "b"
    seen = opened.run("return location.hash")
    opened.open(planted.path("explorer.html"), seen)
    opened.wait(OPENED)
    assert opened.run("return [view.tokens, view.from, view.to]") == [[5, 3], 40, 90]
    # An address of another run, or of another version of the page.
    opened.open(
        planted.path("explorer.html"),
        "#t=5.999.abc&x=90-40&y=wind_1_2+m_5_2&p=vector.wind&sort=colour&z=1",
    )
    opened.wait(OPENED)
    message = opened.run("return document.getElementById('message').textContent")
    assert "no dead token 999, abc" in message
    assert "no steps 90-40" in message
    assert "no heights wind_1_2" in message
    assert "no heights m_5_2" in message
    assert "no chart wind" in message
    assert shown_ids(opened) == [5]


def test_what_is_shown_can_be_downloaded(opened, planted):
    quoted = ODD.index('a,b\r\n"c"')
    opened.run("view.tokens = arguments[0]; tokensChanged(); setRange(10, 29)", [2, quoted + 2])
    opened.wait("view.from === 10")
    opened.run("document.getElementById('download').click()")
    path = opened.downloads / "planted_tokens.csv"
    end = time.monotonic() + 20
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.2)
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))
    assert len(rows) == 2 * 20
    assert [rows[0]["token"], rows[-1]["token"]] == [ODD[0], ODD[quoted]]
    assert [int(row["step"]) for row in rows[:20]] == list(range(10, 30))
    l2 = planted.norms()["l2"]
    for row in rows:
        exact = l2[int(row["step"]) - 1, int(row["token_id"]) - 2]
        assert float(row["l2"]) == pytest.approx(exact, rel=0.05, abs=1e-9)
        phase = np.searchsorted(np.float32([0.1, 10, 100]), exact, side="right")
        assert row["phase_element"] == PHASES[phase]
        assert row["m"] != ""


def test_no_request_leaves_the_page_and_what_would_is_blocked(browser, planted):
    browser.open(planted.path("explorer.html"))
    browser.wait(OPENED)
    assert browser.requests_elsewhere() == []
    blocked = browser.driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1], seen = [];
        document.addEventListener("securitypolicyviolation", (e) => seen.push(e.blockedURI));
        const image = new Image();
        image.src = "https://example.com/seen.png";
        fetch("https://example.com/data").catch(() => {});
        setTimeout(() => done(seen), 500);
        """
    )
    tried = {"https://example.com/seen.png", "https://example.com/data"}
    assert tried == {*blocked}
    assert {*browser.requests_elsewhere(blocked=True)} == {"https://example.com/seen.png"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1400, 1000), (390, 844)])
def test_it_fits_the_window_in_light_and_dark(browser, planted, scheme, size):
    browser.size(*size)
    browser.colours(scheme)
    browser.open(planted.path("explorer.html"))
    browser.wait(OPENED)
    assert browser.run("return document.documentElement.scrollWidth") <= size[0]
    colours = browser.run(
        "const of = getComputedStyle(document.body); return [of.color, of.backgroundColor]"
    )
    light, dark = "rgb(255, 255, 255)", "rgb(21, 24, 29)"
    assert colours[1] == (light if scheme == "light" else dark)
    assert browser.run("return document.querySelector('canvas').width") > 200


def test_a_run_of_one_token_without_moments(browser, tmp_path):
    one = Planted(tmp_path, steps=40, texts=("only",), moments=False)
    browser.open(one.page(absent={"distance": "it does not record m, v."}))
    browser.wait(OPENED)
    assert browser.run("return [...charts.keys()]") == ["element", "vector", "phase", "cells"]
    assert shown_ids(browser) == [2]
    assert "it does not record m, v." in browser.run(
        "return document.getElementById('explained').textContent"
    )
    assert browser.errors() == []


def test_a_page_that_was_cut_short_says_so(browser, planted):
    text = planted.path("explorer.html").read_text("utf-8")
    at = text.index('id="track-l2">') + len('id="track-l2">')
    short = planted.path("short.html")
    short.write_text(text[: at + 40] + text[text.index("</script>", at) :], encoding="utf-8")
    browser.open(short)
    said = browser.wait("document.querySelector('[role=alert]')?.textContent")
    assert "make it again" in said


def test_it_moves_fast(browser, tmp_path):
    """At the steps of Crucible 1, four tokens shown; benchmarks/explorer.py measures all of it."""

    browser.open(Planted(tmp_path, steps=5000, moments=False).page())
    browser.wait(OPENED)
    browser.run("view.tokens = data.tokens.id.slice(0, 4); tokensChanged()")
    before, pictures = browser.busy(), 30
    browser.driver.execute_async_script(
        """
        const [pictures, done] = arguments;
        let frame = 0;
        const next = () => {
          setRange(50 * frame, 50 * frame + 1700);
          if (frame++ < pictures) requestAnimationFrame(next);
          else done();
        };
        requestAnimationFrame(next);
        """,
        pictures,
    )
    assert (browser.busy() - before) / pictures < 1 / 30


def many_tokens(path, times):
    """The same page with each of its tokens so many times, each time under another number."""
    text = path.read_text("utf-8")

    def more_data(found):
        about = json.loads(found[2])
        listed = {key: values * times for key, values in about["tokens"].items()}
        listed["id"] = [2 + i for i in range(len(listed["id"]))]
        return found[1] + parts.as_json(about | {"tokens": listed}) + found[3]

    def more_rows(found):
        rows = np.frombuffer(zlib.decompress(b64decode(found[2])), np.uint8)
        return found[1] + parts.packed(np.tile(rows, times)) + found[3]

    text = re.sub(r'(id="data">)(.*?)(</script>)', more_data, text, flags=re.DOTALL)
    path.write_text(re.sub(r'(id="track-\w+">)(.*?)(</script>)', more_rows, text), encoding="utf-8")
    return path


def test_it_opens_fast(browser, tmp_path):
    """With as many tokens and steps as Crucible 1 on the default corpus, and more to unpack:
    planted motion is noise, of which nothing is still, so its size says nothing."""
    planted = Planted(tmp_path, steps=5000, moments=False)
    path = many_tokens(planted.page(state_values=4_000_000 // 325), times=325)
    before = browser.busy()
    browser.open(path)
    browser.wait(OPENED, 60)
    assert browser.run("return data.tokens.id.length") == 325 * len(ODD)
    assert browser.busy() - before < 3
