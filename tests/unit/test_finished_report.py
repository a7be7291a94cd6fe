"""The report of Snakemake with a script of ours."""

import pytest

from deadtokens.errors import UserError
from deadtokens.report import finished_report

MADE = "<html><title>Snakemake Report</title><body>x </body> y\n</body></html>"


def test_the_script_is_the_last_and_the_title_is_our_own():
    text = finished_report.page(MADE, "show();\n", "report.html")
    title = "<html><title>Fimbulwinter: report</title>"
    assert text == f"{title}<body>x </body> y\n<script>\nshow();\n</script>\n</body></html>"


@pytest.mark.parametrize("other", ["", "<html></html>", MADE.replace("Snakemake", "My")])
def test_another_file_is_refused(other):
    with pytest.raises(UserError, match=r"^report\.html: expected a report"):
        finished_report.page(other, "", "report.html")
