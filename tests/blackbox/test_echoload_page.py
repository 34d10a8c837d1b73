# SPDX-License-Identifier: MIT
"""echoload --report: a page of HTML that stands alone, with the figures of the JSON; and how a
browser shows it."""

import html
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from echoload_support import PATIENCE, echoload, flips_a_bit, honest, serve

NAMESPACES = {"h": "http://www.w3.org/1999/xhtml", "s": "http://www.w3.org/2000/svg"}
CHROMIUM = shutil.which("chromium")


class Page:
    """A run with its JSON and its page."""

    def __init__(self, directory, *arguments, handler=honest, code=0):
        self.path = directory / "page.html"
        self.result_path = directory / "result.json"
        with serve(handler) as target:
            self.ended = echoload(
                *("-c", 3, "--interval", "50ms", "-q", "--format", "json"),
                *("-o", self.result_path, "--report", self.path),
                *arguments,
                target,
            )
        assert self.ended.code == code, self.ended
        self.text = self.path.read_text()
        self.result = json.loads(self.result_path.read_text())
        self.tree = ElementTree.fromstring(self.text.split("\n", 1)[1])

    def all(self, path):
        return self.tree.findall(path, NAMESPACES)

    def rows(self, path):
        """The rows of a table: texts of the header, exact values of the rest."""
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


def test_the_page_refers_to_nothing_outside_itself(page):
    assert re.findall(r"(?:src|href)\s*=", page.text) == []
    assert re.findall(r"url\(|@import|<script|<link", page.text) == []
    places = set(re.findall(r"https?://[^\"' <]+", page.text))
    assert places == {"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"}


def test_the_figures_of_the_page_are_those_of_the_json(page):
    latency = page.result["latency"]
    figures = {key: values[0] for key, values in page.rows(".//h:table[@id='latencies']") if values}
    assert figures == {
        "count": latency["count"],
        **{key: latency[f"{key}_ns"] for key in ("min", "mean", "p50", "p90", "p99", "max")},
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


def test_the_course_adds_up_to_the_result_and_each_point_has_a_row(page):
    rows = list(page.rows(".//h:table[@id='timeline']"))
    assert len(rows) >= 5
    assert sum(values[0] for _, values in rows) == page.result["messages"]["verified"]
    assert sum(values[-1] for _, values in rows) == 0


def test_gates_and_the_verdict_are_there_in_words(page):
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.text))
    assert re.search(r"Verdict: ok *\(exit 0\)", text)
    table = page.table("Gates")
    assert [cell.text for cell in table.findall("h:thead//h:th", NAMESPACES)] == [
        *("gate", "measured", "allowed", "passed")
    ]
    rows = [["".join(cell.itertext()) for cell in row] for row in table[2]]
    assert [row[0] for row in rows] == ["p99", "error rate"]
    assert rows[1][1:] == ["0%", "5%", "yes"]


def test_each_chart_says_in_words_what_it_shows(page):
    charts = page.all(".//s:svg[@role='img']")
    assert len(charts) == 6  # three, each in two shapes
    ids = [each.get("id") for each in page.tree.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    for chart in charts:
        title, description = chart[0], chart[1]
        assert chart.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert title.text and "table below" in description.text


def test_a_wrong_echo_and_its_reason_are_in_the_page(tmp_path):
    page = Page(tmp_path, "-n", 100, handler=flips_a_bit(3), code=4)
    assert "Verdict: wrong echo" in page.text
    assert page.result["mismatches"][0]["expected_hex"] in page.text


def test_what_is_asked_cannot_put_anything_into_the_page(tmp_path):
    name = tmp_path / "<img src=x onerror='alert(1)'>&\x1b\".html"
    ended = echoload("-c", 1, "--report", tmp_path / "page.html", "-d", "1s", f"unix:{name}")
    assert ended.code == 1, ended
    text = (tmp_path / "page.html").read_text()
    ElementTree.fromstring(text.split("\n", 1)[1])
    assert "<img" not in text and "&lt;img src=x" in text


def browse(page, directory, width, scheme):
    """What a browser of that width and colour scheme makes of the page."""
    probe = """<script>
    const box = document.documentElement;
    const shown = [...document.querySelectorAll('svg[role=img]')]
        .map(svg => svg.getBoundingClientRect()).filter(rect => rect.width > 0);
    const text = document.querySelector('.narrow svg text, .wide svg text');
    const result = {
        width: innerWidth, content: box.scrollWidth, charts: shown.map(rect => rect.width),
        back: getComputedStyle(document.body).backgroundColor,
        front: getComputedStyle(document.body).color,
        letters: [...document.querySelectorAll('svg[role=img] text')]
            .map(each => each.getBoundingClientRect().height).filter(height => height > 0),
    };
    const place = document.createElement('pre');
    place.id = 'probe';
    place.textContent = JSON.stringify(result);
    document.body.append(place);
    </script></body>"""
    copy = directory / f"probe-{width}-{scheme}.html"
    copy.write_text(page.text.replace("</body>", probe))
    frame = directory / f"frame-{width}-{scheme}.html"
    # A window is never as narrow as a phone; a frame is.
    frame.write_text(
        f'<iframe src="{copy.name}" width="{width}" height="800" style="border:0"></iframe>'
        "<script>addEventListener('load', () => document.body.append(Object.assign("
        "document.createElement('pre'), {id: 'seen', textContent: "
        "frames[0].document.getElementById('probe').textContent})))</script>"
    )
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--allow-file-access-from-files", "--window-size=1600,1000"),
            f"--user-data-dir={directory / 'profile'}",
            f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return json.loads(html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', done.stdout)[1]))


def brightness(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_all_of_it_at_any_width_in_both_schemes(page, tmp_path, width, scheme):
    seen = browse(page, tmp_path, width, scheme)
    assert seen["width"] == width
    assert seen["content"] <= width, "nothing is to be scrolled sideways but tables"
    assert len(seen["charts"]) == 3, "one shape of each chart"
    assert all(0.8 * min(width, 900) <= chart <= width for chart in seen["charts"])
    assert min(seen["letters"]) >= 10, "the text of charts is readable"
    is_dark = brightness(seen["back"]) < brightness(seen["front"])
    assert is_dark == (scheme == "dark")
