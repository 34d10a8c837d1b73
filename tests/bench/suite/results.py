# SPDX-License-Identifier: MIT
"""Medians and ratios of single runs, and their JSON form."""

import json
import math
import re
import statistics

from .servers import PEERS

METRICS = ["messages_per_s", "cpu_ns_per_message", "p50_ns", "p99_ns", "p99_9_ns",
           "rss_bytes_per_connection", "server_cpu", "client_cpu", "foreign_cpu", "steal",
           "time_wait"]
COMPARED = ["messages_per_s", "cpu_ns_per_message", "p99_ns"]
LIMITING = 0.97  # share of its core from which the client limits the rate


def median(values):
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None


def _ratio(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


def interval_of(values):
    """The median of the values (`ratio`), their range, and an interval (`low`, `high`) for the
    median of all such values: the narrowest of order statistics that contains it with a probability
    of at least 90 %, whatever the distribution; the range where there are too few values."""
    if not values:
        return None
    ordered, count = sorted(values), len(values)
    outside = 0
    while True:  # from below, and as likely from above
        tail = sum(math.comb(count, k) for k in range(outside + 2)) / 2**count
        if 2 * tail > 0.1 or 2 * (outside + 1) >= count:
            break
        outside += 1
    return {"ratio": statistics.median(ordered), "min": ordered[0], "max": ordered[-1],
            "low": ordered[outside], "high": ordered[count - 1 - outside]}


def compare(ours, theirs):
    """Compares the figures of two servers round by round: `ratio` is the median of the ratios
    within the rounds, `min` and `max` are their range, `low` and `high` their interval. The two sides of one ratio have the same
    noise. On a machine that is slower in some rounds, the ratio of the medians (`of_medians`) may
    compare a fast round with a slow one."""
    pairs = [ratio for ratio in map(_ratio, ours, theirs) if ratio is not None]
    if not pairs:
        return None
    return {**interval_of(pairs), "of_medians": _ratio(median(ours), median(theirs))}


def columns(rounds):
    """The figures of each round by metric, and their medians."""
    found = {metric: [run.get(metric) for run in rounds] for metric in METRICS
             if any(metric in run for run in rounds)}
    medians = {metric: median(values) for metric, values in found.items()}
    return {"rounds": found, "median": medians,
            "client_is_limit": (medians["client_cpu"] or 0) >= LIMITING}


def _echod_to(servers):
    return {peer: {metric: compare(servers["echod"]["rounds"][metric],
                                   servers[peer]["rounds"][metric]) for metric in COMPARED}
            for peer in PEERS}


def summarize(row, runs, order):
    """`runs`: for each server, the figures of each round in order; `order`: for each round, the
    servers in order."""
    servers = {name: columns(rounds) for name, rounds in runs.items()}
    return {
        **row.describe(),
        "order": [" ".join(names) for names in order],
        "servers": servers,
        "echod_to": _echod_to(servers),
    }


def refreshed(found):
    """What was measured, with ratios and intervals as they are computed now."""
    return {**found, "rows": [{**row, "echod_to": _echod_to(row["servers"])}
                              for row in found["rows"]]}


def rate_is_theirs(row, peer):
    """True if neither rate was limited by the client."""
    servers = row["servers"]
    return not servers["echod"]["client_is_limit"] and not servers[peer]["client_is_limit"]


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def write(path, found):
    """As JSON: figures with six digits, and values that contain only figures on one line."""
    text = json.dumps(_rounded(found), indent=1, ensure_ascii=False)
    flat = re.compile(r"[\[{][^\[\]{}]*[\]}]")
    path.write_text(flat.sub(lambda part: re.sub(r"\n\s*", " ", part[0]), text) + "\n")
