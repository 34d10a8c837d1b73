# SPDX-License-Identifier: MIT
"""The results as a chart: a line per row, with each server relative to the bare epoll loop.

A mark is the median of the ratios within the rounds. The axis is logarithmic, so that twice and
half are equally far away, and both panels share it. The whiskers at echod are the interval of its
ratio; a hollow mark is a rate limited by the client.
"""

import math
from xml.sax.saxutils import escape

from . import machine
from .results import compare
from .servers import NAMES, PEERS
from .text import grouped

LEFT, PANEL, GAP, RIGHT = 200, 330, 70, 20
TOP, STEP, BOTTOM = 104, 34, 78
LOW, HIGH = 0.25, 8.0
TICKS = [0.25, 0.5, 1, 2, 4, 8]
PANELS = [("cpu_ns_per_message", "CPU a message", "less is better", "ns"),
          ("messages_per_s", "Messages a second", "more is better", "/s")]

STYLE = """
  svg { font-family: system-ui, sans-serif; font-size: 13px; }
  .paper { fill: #ffffff; } .ink { fill: #1f2328; } .faint { fill: #59636e; font-size: 11px; }
  .grid { stroke: #d1d9e0; } .one { stroke: #59636e; } .title { font-weight: 600; }
  .echod { fill: #0969da; stroke: #0969da; } .epoll { fill: #1f2328; stroke: #1f2328; }
  .io_uring { fill: #bf8700; stroke: #bf8700; } .libuv { fill: #1a7f37; stroke: #1a7f37; }
  .asio { fill: #8250df; stroke: #8250df; } .libevent { fill: #cf222e; stroke: #cf222e; }
  .hollow { fill: #ffffff; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } .ink { fill: #f0f6fc; } .faint { fill: #9198a1; }
    .grid { stroke: #3d444d; } .one { stroke: #9198a1; }
    .echod { fill: #4493f8; stroke: #4493f8; } .epoll { fill: #f0f6fc; stroke: #f0f6fc; }
    .io_uring { fill: #d29922; stroke: #d29922; } .libuv { fill: #3fb950; stroke: #3fb950; }
    .asio { fill: #ab7df8; stroke: #ab7df8; } .libevent { fill: #f85149; stroke: #f85149; }
    .hollow { fill: #0d1117; }
  }
"""


def _x(panel, ratio):
    """The position of `ratio`; values beyond the axis are drawn at its end."""
    place = math.log(min(max(ratio, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return LEFT + panel * (PANEL + GAP) + place * PANEL


def _text(x, y, words, kind="ink", anchor="start"):
    return (f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{escape(words)}</text>\n")


def _line(kind, x1, y1, x2, y2, width=1):
    return (f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke-width="{width}"/>\n')


def _mark(name, x, y, hollow=False):
    """A different shape for each server, for readers who cannot distinguish the colours."""
    kind = f"{name} hollow" if hollow else name
    if name == "echod":
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>\n'
    if name == "epoll":
        return _line(name, x, y - 9, x, y + 9, 3)
    corners = {
        "io_uring": [(-4, -4), (4, -4), (4, 4), (-4, 4)],
        "libuv": [(0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)],
        "asio": [(0, -5), (5, 4), (-5, 4)],
        "libevent": [(0, 5), (5, -4), (-5, -4)],
    }[name]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon class="{kind}" points="{points}"/>\n'


def _legend():
    out, x = "", LEFT
    for name in NAMES:
        title = name if name == "echod" else PEERS[name][1]
        out += _mark(name, x, 50) + _text(x + 12, 54.5, title)
        x += 38 + 7.0 * len(title)
    return out


def _axes(panel, title, hint, rows):
    end = TOP + STEP * rows - STEP / 2
    out = _text(_x(panel, LOW), 84, title, "ink title")
    out += _text(_x(panel, HIGH), 84, hint, "faint", "end")
    for tick in TICKS:
        x = _x(panel, tick)
        out += _line("one" if tick == 1 else "grid", x, TOP - 12, x, end)
        out += _text(x, end + 16, f"{tick:g}×", "faint", "middle")
    return out


def _marks(panel, metric, unit, row, y):
    servers = row["servers"]
    out = ""
    found = row["echod_to"]["epoll"][metric]
    if found:
        out += _line("echod", _x(panel, found["low"]), y, _x(panel, found["high"]), y, 2)
    for name in reversed(NAMES):  # echod last, so that nothing covers it
        value = servers[name]["median"][metric]
        to_bare = compare(servers[name]["rounds"][metric], servers["epoll"]["rounds"][metric])
        if value and to_bare:
            ratio = to_bare["ratio"]
            words = f"{name}: {grouped(value)} {unit}, {ratio:.2f} of the bare loop"
            hollow = metric == "messages_per_s" and servers[name]["client_is_limit"]
            words += ", limited by the client" if hollow else ""
            mark = _mark(name, _x(panel, ratio), y, hollow)
            out += f"<g><title>{escape(words)}</title>{mark}</g>\n"
    return out


def draw(results):
    rows = results["rows"]
    width = LEFT + 2 * PANEL + GAP + RIGHT
    height = TOP + STEP * len(rows) + BOTTOM - STEP / 2
    out = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" '
           f'width="{width}" height="{height:.0f}" role="img">\n'
           f"<title>echod and other echo servers, relative to a bare epoll loop</title>\n"
           f"<style>{STYLE}</style>\n"
           f'<rect class="paper" width="{width}" height="{height:.0f}" rx="6"/>\n')
    out += _text(16, 28, "echod and other echo servers, relative to a bare epoll loop", "ink title")
    out += _legend()
    for panel, (_, title, hint, _) in enumerate(PANELS):
        out += _axes(panel, title, hint, len(rows))
    for number, row in enumerate(rows):
        y = TOP + STEP * number
        words = row["name"].split(": ")  # "64 at a time: connect, echo 64, close"
        out += _text(LEFT - 14, y + (4.5 if len(words) == 1 else -1), words[0], "ink", "end")
        if len(words) > 1:
            out += _text(LEFT - 14, y + 13, words[1], "faint", "end")
        for panel, (metric, _, _, unit) in enumerate(PANELS):
            out += _line("grid", _x(panel, LOW), y, _x(panel, HIGH), y)
            out += _marks(panel, metric, unit, row, y)
    out += _text(16, height - 30,
                 "Rows: connections × messages in flight × bytes of payload. Lines at echod: "
                 "the interval of the ratio. Hollow: limited by the client. Logarithmic.",
                 "faint")
    out += _text(16, height - 13, machine.describe(results["machine"]), "faint")
    return out + "</svg>\n"
