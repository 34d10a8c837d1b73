# SPDX-License-Identifier: MIT
"""The results as Markdown tables."""

from . import machine
from .servers import NAMES, PEERS
from .text import grouped, has_rss, microseconds, rate

TITLES = {"echod": "**echod**", **{name: title for name, (_, title) in PEERS.items()}}
ROWS = "connections × in flight × payload"


def _table(head, lines):
    text = "| " + " | ".join(head) + " |\n"
    text += "| " + " | ".join(["---"] + ["--:"] * (len(head) - 1)) + " |\n"
    return text + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _by_server(rows, cell):
    """A table with a line per row and a column per server; echod's figures are bold."""
    lines = [[row["name"], *(cell(row["servers"][name]) for name in NAMES)] for row in rows]
    for line in lines:
        line[1] = f"**{line[1]}**"
    return _table([ROWS, *(TITLES[name] for name in NAMES)], lines)


def _cpu(server):
    return grouped(server["median"]["cpu_ns_per_message"])


def _rate(server):
    return rate(server).replace("*", "\\*")


def _rss(server):
    return grouped(server["median"]["rss_bytes_per_connection"])


def _latency(server):
    keys = ("p50_ns", "p99_ns", "p99_9_ns")
    return " / ".join(microseconds(server["median"][key]) for key in keys)


def _against(row, peer):
    found = row["echod_to"][peer]["cpu_ns_per_message"]
    return f"{found['ratio']:.2f} ({found['min']:.2f}–{found['max']:.2f})" if found else "–"


def _ratios(rows):
    return _table([ROWS, *(TITLES[name] for name in PEERS)],
                  [[row["name"], *(_against(row, peer) for peer in PEERS)] for row in rows])


def _idle(results):
    found = results["idle"]
    count = f"{found['echod']['connections']:,} idle"
    return _table(["", *(TITLES[name] for name in NAMES)], [
        [f"{count}: bytes of memory each",
         *(grouped(found[name]["rss_bytes_per_connection"]) for name in NAMES)],
        [f"{count}: % of a core",
         *(f"{found[name]['server_cpu'] * 100:.3f}" for name in NAMES)],
    ])


def _how(results):
    facts, start = results["machine"], results["start"]
    clients = ", ".join(dict.fromkeys(f"`{row['client']}`" for row in results["rows"]))
    return (f"From exec to `READY=1`: {start['ready_ms']['median']:.1f} ms; a socket-activated "
            f"first echo: {start['first_echo_ms']['median']:.1f} ms (medians of "
            f"{start['ready_ms']['times']}).\n\n"
            f"`{facts['command']}` at {facts['commit']}, {machine.describe(facts)}; "
            f"{machine.versions(facts)}; echod built {results['build']['text']}; "
            f"clients: {clients}; "
            f"{results['rounds']} rounds of {results['duration_s']} s, load average "
            f"{results['load_average']['before'][0]:.2f} before.\n")


def _span(rows, peer):
    """The lowest and the highest of the rows' medians: CPU time of echod over that of `peer`."""
    found = [row["echod_to"][peer]["cpu_ns_per_message"] for row in rows]
    ratios = [each["ratio"] for each in found if each]
    return f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else "–"


def summary(results):
    """One sentence that a reader of the chart takes away."""
    rows = results["rows"]
    return (f"In the {len(rows)} loads of the chart, echod needs {_span(rows, 'epoll')} times the CPU "
            "time per message of a bare epoll loop that does nothing but echo, and "
            f"{_span(rows, 'libevent')} times that of libevent's bufferevents "
            "([all figures](tests/bench/README.md)).\n")


def table(results):
    """Rows are named connections × messages in flight × bytes of payload."""
    rows = results["rows"]
    return (
        "CPU time per message of echod divided by that of the other server: the median of the ratios "
        "within the rounds, and their range (less is better). A ratio compares servers in the same "
        "round; the other tables hold medians over all rounds, in some of which the machine may have "
        "been slower for one server than for another:\n\n" + _ratios(rows)
        + "\n<details><summary>Rates, CPU time, latency, memory</summary>\n"
        + "\nMessages per second (more is better); \\* the client was the bottleneck, so the figure is "
          "the client's:\n\n" + _by_server(rows, _rate)
        + "\nServer CPU time per message, in nanoseconds (less is better):\n\n" + _by_server(rows, _cpu)
        + "\nLatency in a closed loop, p50 / p99 / p99.9 in microseconds (each server at its own "
          "rate):\n\n" + _by_server(rows, _latency)
        + "\nThe server's memory, in bytes per connection:\n\n"
        + _by_server([row for row in rows if has_rss(row)], _rss)
        + "\nIdle connections:\n\n" + _idle(results) + "\n</details>\n\n" + _how(results)
    )
