# SPDX-License-Identifier: MIT
"""The results as text, for a terminal."""

from . import machine, starting
from .servers import NAMES


def grouped(value):
    return "-" if value is None else f"{value:,.0f}"


def microseconds(ns):
    if ns is None:
        return "-"
    us = ns / 1000
    return f"{us:,.0f}" if us >= 99.5 else f"{us:.1f}"


def percent(share):
    return "-" if share is None else f"{share * 100:.0f}%"


def ratio(found):
    return "-" if found is None else f"{found['median']:.2f} ({found['min']:.2f}..{found['max']:.2f})"


def _line(cells, widths):
    return "  ".join(cell.rjust(width) if i else cell.ljust(width)
                     for i, (cell, width) in enumerate(zip(cells, widths))).rstrip() + "\n"


HEADER = ["", "messages/s", "CPU ns/msg", "p50 us", "p99 us", "p99.9 us", "RSS B/conn", "server",
          "client", "echod's messages/s to it", "echod's CPU to it"]
WIDTHS = [9, 11, 10, 9, 9, 9, 10, 6, 6, 24, 20]


def row(found):
    text = _line([found["name"]], [0]) + _line(HEADER, WIDTHS)
    for name in NAMES:
        figures = found["servers"][name]["median"]
        ours = found["echod_to"].get(name)
        # A page is the grain of RSS: below some hundred connections there is nothing to see.
        rss = figures["rss_bytes_per_connection"] if found["connections"] >= 1000 else None
        text += _line([
            name, grouped(figures["messages_per_s"]), grouped(figures["cpu_ns_per_message"]),
            microseconds(figures["p50_ns"]), microseconds(figures["p99_ns"]),
            microseconds(figures["p99_9_ns"]), grouped(rss), percent(figures["server_cpu"]),
            percent(figures["client_cpu"]),
            ratio(ours["messages_per_s"]) if ours else "",
            ratio(ours["cpu_ns_per_message"]) if ours else "",
        ], WIDTHS)
    return text


def idle(found):
    text = ""
    for name, figures in found.items():
        text += (f"{name:<9}  {figures['connections']:,} idle: "
                 f"{figures['rss_bytes_per_connection']:,.0f} bytes of memory each, "
                 f"{figures['server_cpu'] * 100:.3f} % of a core\n")
    return text


def targets(found):
    text = ""
    marks = {True: "met   ", False: "MISSED", None: "?     "}
    for target in found:
        text += f"{marks[target['met']]}  {target['what']}: {target['target']}, is {target['measured']}\n"
    met = sum(target["met"] is True for target in found)
    return text + f"{met} of {len(found)} targets met\n"


def everything(results):
    facts = results["machine"]
    before, after = results["load_average"]["before"][0], results["load_average"]["after"][0]
    text = f"{machine.describe(facts)}\n{facts['command']} at {facts['commit']}, "
    text += f"{results['rounds']} rounds of {results['duration_s']} s a row and server; "
    text += f"load average {before:.2f} before, {after:.2f} after\n\n"
    text += "\n".join(row(found) for found in results["rows"]) + "\n"
    text += idle(results["idle"]) + "\n" + starting.describe(results["start"]) + "\n"
    return text + targets(results["targets"])
