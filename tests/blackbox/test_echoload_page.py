# SPDX-License-Identifier: MIT
"""echoload --report: a self-contained HTML page with the figures of the JSON, and its display in a
browser."""

import html
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from echoload_support import HANG_TIMEOUT, echo_back, echoload, flips_a_bit, result_of, serve

NAMESPACES = {"h": "http://www.w3.org/1999/xhtml", "s": "http://www.w3.org/2000/svg"}
ROW = "{http://www.w3.org/1999/xhtml}tr"
MET = {None: "\N{EN DASH}", True: "yes", False: "no"}
CHROMIUM = shutil.which("chromium")


class Page:
    """A run with its JSON and its page."""

    def __init__(self, directory, *arguments, handler=echo_back, code=0):
        self.path = directory / "page.html"
        self.result_path = directory / "result.json"
        with serve(handler) as target:
            self.ended = echoload(
                *("-c", 3, "--interval", "50ms", "-q", "--format", "json"),
                *("-o", self.result_path, "--report", self.path),
                *arguments,
                target,
            )
        assert code in (self.ended.code, None), self.ended
        self.text = self.path.read_text()
        self.result = result_of(self.result_path.read_text())
        self.tree = ElementTree.fromstring(self.text.split("\n", 1)[1])

    def all(self, path):
        return self.tree.findall(path, NAMESPACES)

    def rows(self, path):
        """The rows of a table: the texts of the header, the exact values of the rest."""
        for row in self.all(f"{path}//h:tbody/h:tr"):
            data = row.findall("h:td/h:data", NAMESPACES)
            yield "".join(row[0].itertext()), [json.loads(each.get("value")) for each in data]

    def table(self, caption):
        for table in self.all(".//h:table"):
            if "".join(table[0].itertext()) == caption:
                return table
        raise AssertionError(f"no table {caption}")

    def fields(self, caption):
        rows = self.table(caption).findall("h:tbody/h:tr", NAMESPACES)
        values = {row[0].text: row.find("h:td/h:data", NAMESPACES) for row in rows}
        return {key: json.loads(each.get("value")) for key, each in values.items() if each is not None}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    directory = tmp_path_factory.mktemp("page")
    return Page(directory, "-d", "600ms", "--slo", "p99=1h", "--max-error-rate", "5%")


@pytest.fixture(scope="module")
def open_page(tmp_path_factory):
    """The page of an open loop: three latencies have curves, and four have a column."""
    directory = tmp_path_factory.mktemp("open")
    return Page(directory, "-d", "600ms", "-R", 500, code=None)


@pytest.fixture(scope="module")
def abuse_page(tmp_path_factory):
    """A page with the tables of misbehaving connections and of the server."""
    directory = tmp_path_factory.mktemp("abuse")
    modes = "idle:2,half-header:1,oversize:2,garbage:3"
    return Page(
        directory,
        *("-d", "600ms", "--abuse", modes, "--expect", "idle=keep,half-header=close"),
        *("--server-pid", os.getpid()),
        code=3,
    )


def test_the_page_refers_to_nothing_outside_itself(page):
    assert re.findall(r"(?:src|href)\s*=", page.text) == []
    assert re.findall(r"url\(|@import|<script|<link", page.text) == []
    places = set(re.findall(r"https?://[^\"' <]+", page.text))
    assert places == {"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"}


def test_the_page_has_the_figures_of_the_json(page):
    latency = page.result["latency"]
    figures = {key: values[0] for key, values in page.rows(".//h:table[@id='latencies']") if values}
    assert figures == {
        "count": latency["count"],
        **{key: latency[f"{key}_ns"] for key in ("min", "mean", "p50", "p90", "p95", "p99", "max")},
        "p99.9": latency["p99_9_ns"],
        "p99.99": latency["p99_99_ns"],
    }
    for section in ("messages", "bytes", "connections", "rate"):
        shown = page.fields(section.capitalize())
        assert list(shown.values()) == list(page.result[section].values()), section
    tiles = [json.loads(each.get("value")) for each in page.all(".//h:dl//h:data")]
    assert tiles == [
        *page.result["rate"].values(),
        *(latency[key] for key in ("p50_ns", "p99_ns", "max_ns")),
    ]


def test_the_series_adds_up_to_the_result_and_each_point_has_a_row(page):
    rows = list(page.rows(".//h:table[@id='timeline']"))
    assert len(rows) >= 5
    assert sum(values[0] for _, values in rows) == page.result["messages"]["verified"]
    errors, shed = zip(*(values[-2:] for _, values in rows), strict=True)
    assert sum(errors) == sum(shed) == 0


def test_the_page_has_the_gates_and_the_verdict_in_words(page):
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.text))
    assert re.search(r"Verdict: ok *\(exit 0\)", text)
    table = page.table("Gates")
    assert [cell.text for cell in table.findall("h:thead//h:th", NAMESPACES)] == [
        *("gate", "comparison", "measured", "allowed", "passed")
    ]
    rows = [["".join(cell.itertext()) for cell in row] for row in table[2]]
    assert [row[0] for row in rows] == ["p99", "error rate"]
    assert rows[1][1:] == ["<=", "0%", "5%", "yes"]


def test_each_chart_has_a_text_description(page):
    charts = page.all(".//s:svg[@role='img']")
    assert len(charts) == 6  # three, each in two shapes
    ids = [each.get("id") for each in page.tree.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    for chart in charts:
        title, description = chart[0], chart[1]
        assert chart.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert title.text and "table below" in description.text


def test_the_page_has_a_wrong_echo_with_its_reason(tmp_path):
    page = Page(tmp_path, "-n", 100, handler=flips_a_bit(3), code=4)
    assert "Verdict: wrong echo" in page.text
    assert page.result["mismatches"][0]["expected_hex"] in page.text


def test_options_cannot_inject_html_into_the_page(tmp_path):
    name = tmp_path / "<img src=x onerror='alert(1)'>&\x1b\".html"
    ended = echoload("-c", 1, "--report", tmp_path / "page.html", "-d", "1s", f"unix:{name}")
    assert ended.code == 1, ended
    text = (tmp_path / "page.html").read_text()
    ElementTree.fromstring(text.split("\n", 1)[1])
    assert "<img" not in text and "&lt;img src=x" in text


@pytest.mark.parametrize(
    "level, words",
    [
        ("full", "every echo was byte for byte what was sent"),
        ("header", "the header and the length of what was sent (payloads not compared)"),
        ("off", "the length of what was sent (nothing else compared)"),
    ],
)
def test_a_good_verdict_claims_no_more_than_was_verified(tmp_path, level, words):
    page = Page(tmp_path, "-n", 100, "--verify", level)
    verdict = page.all(".//h:div[@class='verdict good']")[0]
    text = "".join(verdict.itertext())
    assert words in text
    assert ("byte for byte" in page.text) == (level == "full")


def test_an_open_loop_has_a_curve_and_a_column_for_each_of_its_latencies(open_page):
    legend = open_page.all(".//h:figure")[0].findall(".//h:div[@class='legend']/h:span", NAMESPACES)
    assert ["".join(each.itertext()) for each in legend] == [
        *("response", "service", "connect latency")
    ]
    head = open_page.all(".//h:table[@id='latencies']/h:thead//h:th")
    assert [each.text for each in head] == ["response", "service", "lag", "connect latency"]
    counts = dict(open_page.rows(".//h:table[@id='latencies']"))["count"]
    keys = ("response", "latency", "lag", "connect_latency")
    assert counts == [open_page.result[key]["count"] for key in keys]


def test_the_page_has_the_server_and_the_misbehaving_connections(abuse_page):
    assert abuse_page.fields("Server")["descriptors"] > 0
    table = abuse_page.table("Abuse")
    head, *rows = [["".join(cell.itertext()) for cell in row] for row in table.iter(ROW)]
    assert head[:3] == ["mode", "requested", "opened"]
    assert {"echoed", "echoed bytes"} < set(head), "messages and bytes are distinguished"
    shown = {row[0]: (row[1], row[2], row[-1]) for row in rows}
    assert shown == {
        mode: (str(counts["asked"]), str(counts["opened"]), MET[counts["met"]])
        for mode, counts in abuse_page.result["abuse"].items()
    }
    assert abuse_page.fields("Requested: abuse") == {"idle": 2, "half-header": 1, "oversize": 2,
                                                 "garbage": 3}  # fmt: skip
    assert "half-header was expected to close: the server closed 0 of 1" in abuse_page.text


PROBE = """<script>
const shown = each => each.getBoundingClientRect().width > 0;
const charts = [...document.querySelectorAll('svg[role=img]')].filter(shown);
const box = each => each.getBoundingClientRect();
const boxes = chart => [...chart.querySelectorAll('text')].map(box);
const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 &&
    a.top < b.bottom - 1 && b.top < a.bottom - 1;
const result = {
    width: innerWidth, content: document.documentElement.scrollWidth,
    charts: charts.map(each => each.getBoundingClientRect().width),
    letters: charts.flatMap(boxes).map(box => box.height),
    overlapping: charts.flatMap(chart => boxes(chart).flatMap((a, i) =>
        boxes(chart).slice(i + 1).filter(b => meet(a, b)))).length,
    clipped: charts.flatMap(chart => [...chart.querySelectorAll('text')].filter(each =>
        box(each).left < box(chart).left || box(each).right > box(chart).right ||
        box(each).bottom > box(chart).bottom)).map(each => each.textContent),
    overflowing: [...document.querySelectorAll('dd, dt, .legend, .verdict')]
        .filter(each => each.scrollWidth > each.clientWidth + 1).length,
    broken: [...document.querySelectorAll('data, #latencies tbody td, .list td:first-child')]
        .filter(each => each.getClientRects().length > 1 || each.offsetHeight > 40).length,
    colours: [...document.querySelectorAll('h1, p, .verdict, dt, dd, th, td, caption, summary')]
        .filter(shown).map(each => {
            let behind = each;
            while (getComputedStyle(behind).backgroundColor == 'rgba(0, 0, 0, 0)')
                behind = behind.parentElement;
            return getComputedStyle(each).color + '/' + getComputedStyle(behind).backgroundColor;
        }),
    lines: [...document.querySelectorAll('svg .line')].map(each => getComputedStyle(each).stroke +
        '/' + getComputedStyle(document.body).backgroundColor),
    labels: [...document.querySelectorAll('svg text')].map(each => getComputedStyle(each).fill +
        '/' + getComputedStyle(document.body).backgroundColor),
    back: getComputedStyle(document.body).backgroundColor,
};
const place = document.createElement('pre');
place.id = 'probe';
place.textContent = JSON.stringify(result);
document.body.append(place);
</script></body>"""
WIDTHS = (360, 1280)


def browse(page, directory, scheme):
    """The layout of the page in a browser with that colour scheme, at each width."""
    copy = directory / "probe.html"
    copy.write_text(page.text.replace("</body>", PROBE))
    frame = directory / "frame.html"
    # A window cannot be as narrow as a phone, but a frame can.
    frames = "".join(
        f'<iframe src="{copy.name}" width="{width}" height="800" style="border:0"></iframe>'
        for width in WIDTHS
    )
    frame.write_text(
        frames + "<script>addEventListener('load', () => { for (let i = 0; i < frames.length; ++i)"
        " document.body.append(Object.assign(document.createElement('pre'), {className: 'seen',"
        " textContent: frames[i].document.getElementById('probe').textContent})) })</script>"
    )
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--allow-file-access-from-files", "--window-size=1800,1000"),
            f"--user-data-dir={directory / 'profile'}",
            f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=HANG_TIMEOUT,
        check=True,
    )
    found = re.findall(r'<pre class="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    return dict(zip(WIDTHS, [json.loads(html.unescape(each)) for each in found], strict=True))


def luminance(colour):
    """As WCAG 2 defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(pair):
    low, high = sorted(map(luminance, pair.split("/")))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["page", "open_page", "abuse_page"])
def test_a_browser_shows_the_whole_page_at_any_width_in_both_schemes(kind, scheme, tmp_path, request):
    seen_at = browse(request.getfixturevalue(kind), tmp_path, scheme)
    for width, seen in seen_at.items():
        assert seen["width"] == width
        assert seen["content"] <= width, "nothing is to be scrolled sideways but tables"
        assert len(seen["charts"]) == (4 if kind == "open_page" else 3), "one shape of each chart"
        assert all(0.8 * min(width, 900) <= chart <= width for chart in seen["charts"])
        assert min(seen["letters"]) >= 10, "the text of charts is readable"
        assert seen["clipped"] == [], width
        assert (seen["overlapping"], seen["overflowing"]) == (0, 0), width
        assert seen["broken"] == 0, "no figure is cut into lines"
        assert min(map(contrast, seen["colours"] + seen["labels"])) >= 4.5, "WCAG AA, of text"
        assert min(map(contrast, seen["lines"])) >= 3, "WCAG AA, of graphics"
        assert (luminance(seen["back"]) < 0.2) == (scheme == "dark")
