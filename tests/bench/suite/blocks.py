# SPDX-License-Identifier: MIT
"""The parts of README.md and echod.toml(5) that are made from what was measured."""

import json

from . import chart, fair, markdown
from .building import ROOT

BENCH = ROOT / "tests" / "bench"
RESULTS, FAIRNESS = BENCH / "results.json", BENCH / "fairness.json"
CHART = BENCH / "chart.svg"
README, PAGE = ROOT / "README.md", ROOT / "man" / "echod.toml.5"
MADE = [CHART, README, PAGE]  # the chart as a whole, of the others what stands between marks
MARKS = {README: ("<!-- bench:begin: made by tests/bench/render -->", "<!-- bench:end -->"),
         PAGE: ('.\\" bench:begin: made by tests/bench/render', '.\\" bench:end')}


def replaced(path, block):
    """The file's text with `block` between its marks."""
    text = path.read_text()
    begin, end = MARKS[path]
    if text.count(begin + "\n") != 1 or text.count(end + "\n") != 1:
        raise SystemExit(f"{path.name}: must have '{begin}' and '{end}' once")
    before, _, rest = text.partition(begin + "\n")
    return before + begin + "\n" + block + end + rest.partition(end)[2]


def files(results=None, fairness=None):
    """What each of the made files must hold, out of what is kept."""
    results = results or json.loads(RESULTS.read_text())
    fairness = fairness or json.loads(FAIRNESS.read_text())
    picture = CHART.relative_to(ROOT)
    return {
        CHART: chart.draw(results),
        README: replaced(README, f"![CPU time and messages a second of echod and five other echo "
                                 f"servers, relative to a bare epoll loop]({picture})\n\n"
                                 + markdown.table(results)),
        PAGE: replaced(PAGE, fair.mdoc(fairness)),
    }
