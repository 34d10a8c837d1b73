# SPDX-License-Identifier: MIT
"""The results as a Markdown table for the README."""

from . import machine
from .servers import NAMES, PEERS
from .text import grouped, microseconds

TITLES = {"echod": "**echod**", **{name: title for name, (_, title) in PEERS.items()}}


def _table(head, lines):
    text = "| " + " | ".join(head) + " |\n"
    text += "| " + " | ".join(["---"] + ["--:"] * (len(head) - 1)) + " |\n"
    return text + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _of_servers(rows, cell):
    return [[row["name"], *(cell(row, name) for name in NAMES)] for row in rows]


def _cpu(row, name):
    value = grouped(row["servers"][name]["median"]["cpu_ns_per_message"])
    return f"**{value}**" if name == "echod" else value


def _rate(row, name):
    value = grouped(row["servers"][name]["median"]["messages_per_s"])
    return f"**{value}**" if name == "echod" else value


def _against(row, peer):
    found = row["echod_to"][peer]["cpu_ns_per_message"]
    return f"{found['median']:.2f} ({found['min']:.2f}–{found['max']:.2f})" if found else "–"


def _latency(row):
    figures = row["servers"]["echod"]["median"]
    return [row["name"], *(microseconds(figures[key]) for key in ("p50_ns", "p99_ns", "p99_9_ns"))]


def table(results):
    """What was measured is named connections × messages in flight × bytes of payload."""
    rows = results["rows"]
    head = ["connections × in flight × payload", *(TITLES[name] for name in NAMES)]
    text = "Server CPU time a message, in nanoseconds (less is better):\n\n"
    text += _table(head, _of_servers(rows, _cpu))
    text += "\nMessages a second (more is better):\n\n"
    text += _table(head, _of_servers(rows, _rate))
    text += "\nCPU time a message of echod, over that of the others: the median of the rounds' "
    text += "ratios, and their range:\n\n"
    text += _table([head[0], *(TITLES[name] for name in PEERS)],
                   [[row["name"], *(_against(row, peer) for peer in PEERS)] for row in rows])
    text += "\nLatency of echod in a closed loop, in microseconds:\n\n"
    text += _table([head[0], "p50", "p99", "p99.9"], [_latency(row) for row in rows])
    text += "\nIdle connections, and starting:\n\n"
    text += _table(["", *(TITLES[name] for name in NAMES)], [
        [f"{results['idle']['echod']['connections']:,} idle: bytes of memory each",
         *(grouped(results["idle"][name]["rss_bytes_per_connection"]) for name in NAMES)],
    ])
    start = results["start"]
    text += (f"\nFrom exec to `READY=1`: {start['ready_ms']['median']:.1f} ms; a socket-activated "
             f"first echo: {start['first_echo_ms']['median']:.1f} ms (medians of "
             f"{start['ready_ms']['times']}).\n")
    text += (f"\n`{results['machine']['command']}`, {machine.describe(results['machine'])}; "
             f"{results['rounds']} rounds of {results['duration_s']} s, load average "
             f"{results['load_average']['before'][0]:.2f} before.\n")
    return text
