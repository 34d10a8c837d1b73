# SPDX-License-Identifier: MIT
"""Polling before sleeping: what it brings to few connections, and what it costs at low rates.

A closed loop with few messages in flight is measured with echod as it is, with echod that never
polls, and with the bare loops that sleep and that poll; with one message in flight also with the
other servers. The share of a core that the server uses is measured at fixed rates, which echoload
sends at even intervals. Ratios are paired within the rounds, like those of the table.
"""

from . import results, rows, text
from .measure import paced
from .servers import NAMES, VARIANTS, title

FEW = [rows.Row(1), rows.Row(4), rows.Row(16)]
OWN = ["echod", "echod_off", "epoll", "epoll_poll"]
PACED = ["echod", "echod_off", "epoll"]
RATES = [100, 1_000, 10_000]
PEERS = [name for name in NAMES if name != "echod"]


def servers(row):
    return [*NAMES, *VARIANTS] if row.connections == 1 else OWN


def measure(build, one_run, options, sample):
    """`one_run(row name, server name, round, run)` returns run(server); `sample` shuffles names."""
    found = {"rows": [], "paced": []}
    warmup, duration = options.warmup, options.duration
    runs = [{name: [] for name in servers(row)} for row in FEW]
    shares = [{name: [] for name in PACED} for _ in RATES]
    for number in range(1, options.rounds + 1):
        for row, of_row in zip(FEW, runs):
            for name in sample(list(of_row)):
                of_row[name].append(one_run(
                    row.name, name, number,
                    lambda server, row=row: row.run(build, server, warmup, duration, number)))
        for rate, of_rate in zip(RATES, shares):
            for name in sample(PACED):
                of_rate[name].append(one_run(
                    f"{rate:,}/s", name, number,
                    lambda server, rate=rate: paced(build, server, rate, warmup, duration)))
    for row, of_row in zip(FEW, runs):
        found["rows"].append({**row.describe(), "servers": {
            name: results.columns(rounds) for name, rounds in of_row.items()}})
    for rate, of_rate in zip(RATES, shares):
        found["paced"].append({"rate": rate, "server_cpu": of_rate})
    return found


def rounds(row, name, metric):
    return row["servers"][name]["rounds"][metric]


def _points(found):
    """Points of a core that echod uses more than echod that never polls, with their interval."""
    pairs = [(ours - off) * 100 for ours, off in zip(found["server_cpu"]["echod"],
                                                     found["server_cpu"]["echod_off"])
             if ours is not None and off is not None]
    return results.interval_of(pairs)


def judge(found):
    from . import targets  # which imports this one

    one = found["rows"][0]
    for peer in PEERS:
        yield targets.at_least(
            f"polling, {one['name']}: messages a second, of {peer}'s", 2.2,
            results.compare(*(rounds(one, name, "messages_per_s") for name in ("echod", peer))))
        yield targets.at_most(
            f"polling, {one['name']}: p50, of {peer}'s", 0.45,
            results.compare(*(rounds(one, name, "p50_ns") for name in ("echod", peer))))
    thousand = next(each for each in found["paced"] if each["rate"] == 1_000)
    yield targets.at_most("polling, 1,000 messages a second: points of a core more than without", 2,
                          _points(thousand))


def _cells(row, name):
    median = row["servers"][name]["median"]
    to_bare = results.compare(rounds(row, name, "messages_per_s"),
                              rounds(row, "epoll", "messages_per_s"))
    return [row["name"], title(name), text.grouped(median["messages_per_s"]), text.ratio(to_bare),
            text.grouped(median["cpu_ns_per_message"]), text.percent(median["server_cpu"]),
            text.microseconds(median["p50_ns"]), text.microseconds(median["p99_ns"])]


HEAD = ["load", "server", "messages/s", "of the bare loop's", "CPU ns a message", "server's core",
        "p50 us", "p99 us"]


def lines(found):
    return [_cells(row, name) for row in found["rows"] for name in row["servers"]]


RATE_HEAD = ["messages a second", *(title(name) for name in PACED), "echod more than without, points"]


def rate_lines(found):
    for each in found["paced"]:
        shares = (results.median(each["server_cpu"][name]) for name in PACED)
        points = _points(each)
        yield [f"{each['rate']:,}", *("-" if share is None else f"{share * 100:.1f} %"
                                      for share in shares), text.ratio(points)]
