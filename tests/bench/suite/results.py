# SPDX-License-Identifier: MIT
"""From single runs to medians, ratios and a verdict on each target."""

import statistics

from .servers import PEERS

METRICS = ["messages_per_s", "cpu_ns_per_message", "p50_ns", "p99_ns", "p99_9_ns",
           "rss_bytes_per_connection", "server_cpu", "client_cpu"]


def median(values):
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None


def spread(ratios):
    present = [ratio for ratio in ratios if ratio is not None]
    if not present:
        return None
    return {"median": statistics.median(present), "min": min(present), "max": max(present)}


def _ratio(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


def summarize(row, runs):
    """`runs`: by server, a list with the figures of each round, in the order of the rounds. A
    ratio is formed within a round, where both sides met the same noise; of these the median."""
    return {
        **row.describe(),
        "servers": {
            name: {
                "rounds": rounds,
                "median": {metric: median([run[metric] for run in rounds]) for metric in METRICS},
            }
            for name, rounds in runs.items()
        },
        "echod_to": {
            peer: {
                metric: spread([_ratio(ours[metric], theirs[metric])
                                for ours, theirs in zip(runs["echod"], runs[peer])])
                for metric in ("messages_per_s", "cpu_ns_per_message", "p99_ns")
            }
            for peer in PEERS
        },
    }


def _target(what, limit, measured, met):
    return {"what": what, "target": limit, "measured": measured, "met": met}


def _at_most(what, limit, value, form="{:.2f}"):
    measured = "not measured" if value is None else form.format(value)
    return _target(what, f"at most {form.format(limit)}", measured,
                   None if value is None else value <= limit)


def _of_the_bare_loop(rows):
    for row in rows:
        limit = 1.05 if row["in_flight"] == 1 else 1.15
        found = row["echod_to"]["epoll"]["cpu_ns_per_message"]
        yield _at_most(f"{row['name']}: CPU a message, of the bare loop's", limit,
                       found["median"] if found else None)


def _in_every_row(rows, peer, metric, what, limit, better):
    """One target over several rows: told is the worst of them, and how many miss it."""
    ratios = [(row["echod_to"][peer][metric]["median"], row["name"]) for row in rows
              if row["echod_to"][peer][metric]]
    bound = f"{'at most' if better is min else 'at least'} {limit:.2f}"
    if len(ratios) < len(rows):
        return _target(what, bound, "not measured in every row", None)
    worst, where = (max if better is min else min)(ratios)
    missed = [name for ratio, name in ratios if (ratio > limit if better is min else ratio < limit)]
    measured = f"{worst:.2f} at worst ({where})"
    if missed:
        measured += f"; missed in {len(missed)} of {len(rows)}: {', '.join(missed)}"
    return _target(what, bound, measured, not missed)


def _of_the_peers(rows):
    few = [row for row in rows if row["connections"] + row["idle"] <= 1000]
    for peer, of, cpu, rate in (("libuv", rows, 1.0, 1.0), ("asio", rows, 1.0, 1.0),
                                ("libevent", rows, 1.0, 1.0), ("io_uring", few, 1.05, 0.95)):
        where = "every row" if of is rows else "every row of up to 1,000 connections"
        yield _in_every_row(of, peer, "cpu_ns_per_message",
                            f"CPU a message, of {peer}'s, {where}", cpu, min)
        yield _in_every_row(of, peer, "messages_per_s",
                            f"messages a second, of {peer}'s, {where}", rate, max)


def growth(rows, server):
    """The most connections, all active, and CPU a message with them over that with 64."""
    plain = [row for row in rows
             if row["in_flight"] == 1 and row["sizes"] == "fixed:64" and not row["idle"]
             and not row["churn"]]
    few = next(row for row in plain if row["connections"] == 64)
    many = max(plain, key=lambda row: row["connections"])
    pairs = zip(few["servers"][server]["rounds"], many["servers"][server]["rounds"])
    return many["connections"], median([
        _ratio(b["cpu_ns_per_message"], a["cpu_ns_per_message"]) for a, b in pairs
    ])


def targets(rows, idle, start):
    found = [*_of_the_bare_loop(rows), *_of_the_peers(rows)]
    connections, ours = growth(rows, "echod")
    _, bare = growth(rows, "epoll")
    found.append(_at_most(f"{connections:,} connections: CPU a message, of that with 64 "
                          f"(the bare loop: {bare or 0:.2f})", max(1.2, bare or 0), ours))
    idle_echod = idle["echod"]
    found.append(_at_most(f"{idle_echod['connections']:,} idle: bytes of memory each", 160,
                          idle_echod["rss_bytes_per_connection"], "{:.0f}"))
    found.append(_at_most(f"{idle_echod['connections']:,} idle: percent of a core", 0.1,
                          idle_echod["server_cpu"] * 100, "{:.3f}"))
    found.append(_at_most("exec to READY=1, ms", 30, start["ready_ms"]["median"], "{:.1f}"))
    found.append(_at_most("first echo through a passed socket, ms", 100,
                          start["first_echo_ms"]["median"], "{:.1f}"))
    return found
