# SPDX-License-Identifier: MIT
"""The results as text, for a terminal."""

from . import machine, polling, starting, targets
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


def rate(server):
    """The rate, marked if it was limited by the client."""
    return grouped(server["median"]["messages_per_s"]) + ("*" if server["client_is_limit"] else "")


def has_rss(row):
    """RSS has the granularity of a page, so a few hundred connections are needed to see a
    change."""
    return row["connections"] + row["idle"] >= 1000 and not row["churn"]


def ratio(found):
    if found is None:
        return "-"
    return f"{found['ratio']:.2f} ({found['low']:.2f}..{found['high']:.2f})"


def _line(cells, widths):
    return "  ".join(cell.rjust(width) if i else cell.ljust(width)
                     for i, (cell, width) in enumerate(zip(cells, widths))).rstrip() + "\n"


HEADER = ["", "messages/s", "CPU ns/msg", "p50 us", "p99 us", "p99.9 us", "RSS B/conn", "server",
          "client", "foreign", "stolen", "echod's messages/s to it", "echod's CPU to it"]
WIDTHS = [9, 11, 10, 9, 9, 9, 10, 6, 6, 7, 6, 24, 24]
LEGEND = """\
Rows: connections × in flight × bytes of payload. Beside each peer: the median of the ratios
within the rounds, and its interval. server, client: shares of a core; foreign, stolen: shares of
other processes on the machine and of its host.
* the client was the bottleneck (97 % of its core or more): the rate is the client's
"""


def row(found):
    text = f"{found['name']}, by {found['client']}\n" + _line(HEADER, WIDTHS)
    for name in NAMES:
        server = found["servers"][name]
        figures = server["median"]
        ours = found["echod_to"].get(name)
        rss = figures["rss_bytes_per_connection"] if has_rss(found) else None
        text += _line([
            name, rate(server), grouped(figures["cpu_ns_per_message"]),
            microseconds(figures["p50_ns"]), microseconds(figures["p99_ns"]),
            microseconds(figures["p99_9_ns"]), grouped(rss), percent(figures["server_cpu"]),
            percent(figures["client_cpu"]), percent(figures["foreign_cpu"]),
            percent(figures["steal"]),
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


def time_wait(results):
    found = results["time_wait"]
    text = "each run in a network of its own" if found["own_network"] else "one network for all runs"
    return (f"connect and close: {text}; at most {grouped(found['most'])} connections in TIME-WAIT "
            f"of the {found['limit']:,} that the kernel keeps\n")


def _aligned(lines):
    widths = [max(map(len, cells)) for cells in zip(*lines)]
    return "".join(_line(line, widths) for line in lines)


def polled(found):
    return (_aligned([polling.HEAD, *polling.lines(found)]) + "\n"
            + _aligned([polling.RATE_HEAD, *polling.rate_lines(found)]))


def everything(results):
    facts = results["machine"]
    before, after = results["load_average"]["before"][0], results["load_average"]["after"][0]
    text = f"{machine.describe(facts)}\n{machine.versions(facts)}\n"
    text += f"{facts['command']} at {facts['commit']}; built {results['build']['text']}\n"
    text += f"{results['rounds']} rounds of {results['duration_s']} s a row and server, the servers "
    text += f"in a random order (seed {results['seed']}); {results['elapsed_s']:.0f} s in all, "
    text += f"{results['build_s']:.0f} s of it building; load average {before:.2f} before, "
    text += f"{after:.2f} after; {len(results['retries'])} runs repeated\n"
    text += "".join(f"repeated: {retry['row']}, {retry['server']}, round {retry['round']}\n"
                    for retry in results["retries"])
    text += f"\n{LEGEND}\n" + "\n".join(row(found) for found in results["rows"]) + "\n"
    if results["time_wait"]["most"] is not None:
        text += time_wait(results)
    if results["idle"]:
        text += idle(results["idle"])
    if results["start"]:
        text += "\n" + starting.describe(results["start"])
    if results.get("polling"):
        text += "\n" + polled(results["polling"])
    return text + ("\n" + targets.describe(results["targets"]) if results["targets"] else "")
