"""Tables of pages: what a user wrote stands there letter by letter, and all of it."""

from html import escape

import pandas as pd
import pytest

from deadtokens.comparison import markdown
from deadtokens.report import html

STRANGE = "a < b & $5 \\frac `c` \n\n  | d_ ไทย </table><i>"


def test_cells_and_names_of_columns_are_literal():
    page = html.table(pd.DataFrame({STRANGE: [STRANGE, "1e3", ""]}).map(escape))
    assert page.count("<i>") == 0
    assert page.count("</table>") == 1
    assert page.count("a &lt; b &amp; $5 \\frac `c` \n\n") == 2  # line breaks are no letters
    assert "<td>1e3</td>" in page
    assert "<td></td>" in page


@pytest.mark.parametrize("rows", [1, 500])
def test_nothing_is_left_out(rows):
    long = "word " * 200
    frame = pd.DataFrame([[long, *map(str, range(60))]] * rows)
    page = html.table(frame.set_axis([str(n) for n in range(61)], axis="columns"))
    assert page.count(long.strip()) == rows
    assert page.count("<td>") == 61 * rows
    assert page.count("<th>") == 61


def test_twins_among_columns_keep_their_cells():
    page = html.table(pd.DataFrame([["1", "2"]], columns=["x", "x"]))
    assert page.index("<td>1</td>") < page.index("<td>2</td>")


def test_bars_end_no_cell_of_markdown():
    text = pd.DataFrame({"": ["|g|"], "a|b": ["1"]})
    assert markdown.table(text) == ("|  | a&#124;b |\n| --- | --- |\n| &#124;g&#124; | 1 |\n")


def test_backticks_in_a_paragraph_are_code():
    found = html.paragraph("at `freezing.still_for` < `a<b>` or ` alone")
    assert found == (
        "<p>at <code>freezing.still_for</code> &lt; <code>a&lt;b&gt;</code> or ` alone</p>"
    )
