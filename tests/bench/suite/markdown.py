# SPDX-License-Identifier: MIT
"""The results as Markdown tables."""

from . import machine, polling, targets
from .servers import NAMES, PEERS
from .text import grouped, has_rss, microseconds, rate

TITLES = {"echod": "**echod**", **{name: title for name, (_, title) in PEERS.items()}}
ROWS = "connections × in flight × payload"


def _table(head, lines):
    text = "| " + " | ".join(head) + " |\n"
    text += "| " + " | ".join(["---"] + ["--:"] * (len(head) - 1)) + " |\n"
    return text + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _plain_table(head, lines):
    text = "| " + " | ".join(head) + " |\n" + "| " + " | ".join(["---"] * len(head)) + " |\n"
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


def _ratio(found):
    return f"{found['ratio']:.2f} ({found['low']:.2f}–{found['high']:.2f})"


def _cpu_ratio(row, peer):
    return row["echod_to"][peer]["cpu_ns_per_message"]


def _against(row, peer):
    found = _cpu_ratio(row, peer)
    return _ratio(found) if found else "–"


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


def _sides(rows, peer):
    """The rows in which echod needs less CPU time per message than the peer, and more; the others
    are undecided, because equality is within the interval."""
    found = [(row["name"], _cpu_ratio(row, peer)) for row in rows]
    return ([name for name, ratio in found if ratio and ratio["high"] < 1],
            [name for name, ratio in found if ratio and ratio["low"] > 1])


def _listed(names, rows):
    if len(names) in (0, len(rows)):
        return "all" if names else "none"
    return f"{len(names)} ({'; '.join(names)})"


def summary(results):
    """One line that a reader of the chart takes away."""
    rows = results["rows"]
    sides = []
    for peer, what in (("epoll", "a bare epoll loop that does nothing but echo"),
                       ("libevent", "libevent's bufferevents")):
        less, more = _sides(rows, peer)
        sides.append(f"less CPU time per message than {what} in {_listed(less, rows)} and more in "
                     f"{_listed(more, rows)}")
    return (f"Of the {len(rows)} loads of the chart, echod needs {', and '.join(sides)}; the other "
            "differences are within the noise ([all figures](tests/bench/README.md)).\n")


def _targets(results):
    words = {True: "met", False: "**missed**", None: "not judged"}
    return "\nTargets:\n\n" + _plain_table(["target", "limit", "measured", "verdict"], [
        [each["what"], each["target"], each["measured"], words.get(each["met"], each["met"])]
        for each in targets.judge(results["rows"], results["idle"], results["start"],
                                  results.get("polling"))])


def _polling(results):
    found = results.get("polling")
    if not found:
        return ""
    return ("\nPolling before sleeping (`loop.busy_poll`), beside echod that never polls and a bare "
            "loop that always does, which is the limit:\n\n"
            + _table(polling.HEAD, polling.lines(found))
            + "\nShare of a core that the server uses at a fixed rate:\n\n"
            + _table(polling.RATE_HEAD, list(polling.rate_lines(found))))


def table(results):
    """Rows are named connections × messages in flight × bytes of payload."""
    rows = results["rows"]
    return (
        "CPU time per message of echod divided by that of the other server: the median of the ratios "
        "within the rounds, and an interval that contains it with a probability of at least 90 % (less is "
        "better; with five rounds their range). A ratio compares servers in the same "
        "round; the other tables hold medians over all rounds, in some of which the machine may have "
        "been slower for one server than for another:\n\n" + _ratios(rows) + _polling(results)
        + "\n<details><summary>Rates, CPU time, latency, memory</summary>\n"
        + "\nMessages per second (more is better); \\* the client was the bottleneck, so the figure is "
          "the client's:\n\n" + _by_server(rows, _rate)
        + "\nServer CPU time per message, in nanoseconds (less is better):\n\n" + _by_server(rows, _cpu)
        + "\nLatency in a closed loop, p50 / p99 / p99.9 in microseconds (each server at its own "
          "rate):\n\n" + _by_server(rows, _latency)
        + "\nThe server's memory, in bytes per connection:\n\n"
        + _by_server([row for row in rows if has_rss(row)], _rss)
        + "\nIdle connections:\n\n" + _idle(results) + _targets(results) + "\n</details>\n\n" + _how(results)
    )
