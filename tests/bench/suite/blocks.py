# SPDX-License-Identifier: MIT
"""The parts of the documentation that are generated from measurements."""

import json

from . import chart, fair, markdown
from .building import ROOT
from .results import refreshed

BENCH = ROOT / "tests" / "bench"
RESULTS, FAIRNESS = BENCH / "results.json", BENCH / "fairness.json"
CHART = BENCH / "chart.svg"
README, TABLES = ROOT / "README.md", BENCH / "README.md"
PAGE = ROOT / "man" / "echod.toml.5"
MADE = [CHART, README, TABLES, PAGE]  # the whole chart; in the others the part between marks
MARKDOWN = ("<!-- bench:begin: made by tests/bench/render -->", "<!-- bench:end -->")
MARKS = {README: MARKDOWN,
         TABLES: MARKDOWN,
         PAGE: ('.\\" bench:begin: made by tests/bench/render', '.\\" bench:end')}


def replaced(path, block):
    """The text of the file with `block` between its marks."""
    text = path.read_text()
    begin, end = MARKS[path]
    if text.count(begin + "\n") != 1 or text.count(end + "\n") != 1:
        raise SystemExit(f"{path.name}: must have '{begin}' and '{end}' once")
    before, _, rest = text.partition(begin + "\n")
    return before + begin + "\n" + block + end + rest.partition(end)[2]


def _picture(page):
    return ("![CPU time and messages a second of echod and five other echo servers, relative to a "
            f"bare epoll loop]({CHART.relative_to(page.parent)})\n\n")


def files(results=None, fairness=None):
    """The text of each generated file, made from the recorded results."""
    results = refreshed(results or json.loads(RESULTS.read_text()))
    fairness = fairness or json.loads(FAIRNESS.read_text())
    return {
        CHART: chart.draw(results),
        README: replaced(README, _picture(README) + markdown.summary(results)),
        TABLES: replaced(TABLES, _picture(TABLES) + markdown.table(results)),
        PAGE: replaced(PAGE, fair.mdoc(fairness)),
    }
