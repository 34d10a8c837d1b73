# SPDX-License-Identifier: MIT
"""From single runs to medians and ratios, and how they are kept as JSON."""

import json
import re
import statistics

from .servers import PEERS

METRICS = ["messages_per_s", "cpu_ns_per_message", "p50_ns", "p99_ns", "p99_9_ns",
           "rss_bytes_per_connection", "server_cpu", "client_cpu", "foreign_cpu", "steal",
           "time_wait"]
COMPARED = ["messages_per_s", "cpu_ns_per_message", "p99_ns"]
LIMITING = 0.97  # the share of its core from which on the client decides how fast a run is


def median(values):
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None


def _ratio(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


def compare(ours, theirs):
    """Of the figures of both, round by round: `ratio`, the one that is meant where a ratio is told,
    is the median of the ratios within the rounds, `min` and `max` their spread. Both sides of such
    a one met the same noise, while a machine that is half as fast for some rounds takes one median
    from the good ones and the other from the bad. `of_medians` is the ratio of the medians."""
    pairs = [ratio for ratio in map(_ratio, ours, theirs) if ratio is not None]
    if not pairs:
        return None
    return {"ratio": statistics.median(pairs), "min": min(pairs), "max": max(pairs),
            "of_medians": _ratio(median(ours), median(theirs))}


def summarize(row, runs, order):
    """`runs`: by server, a list with the figures of each round, in the order of the rounds;
    `order`: for each round the servers in their turn."""
    servers = {}
    for name, rounds in runs.items():
        columns = {metric: [run.get(metric) for run in rounds] for metric in METRICS
                   if any(metric in run for run in rounds)}
        medians = {metric: median(values) for metric, values in columns.items()}
        servers[name] = {"rounds": columns, "median": medians,
                         "client_is_limit": (medians["client_cpu"] or 0) >= LIMITING}
    return {
        **row.describe(),
        "order": [" ".join(names) for names in order],
        "servers": servers,
        "echod_to": {
            peer: {metric: compare(servers["echod"]["rounds"][metric],
                                   servers[peer]["rounds"][metric]) for metric in COMPARED}
            for peer in PEERS
        },
    }


def rate_is_theirs(row, peer):
    """True where the rates of echod and of the peer are their own: not the client's."""
    servers = row["servers"]
    return not servers["echod"]["client_is_limit"] and not servers[peer]["client_is_limit"]


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def write(path, found):
    """As JSON: figures to six digits, and what holds nothing but figures in one line."""
    text = json.dumps(_rounded(found), indent=1, ensure_ascii=False)
    flat = re.compile(r"[\[{][^\[\]{}]*[\]}]")
    path.write_text(flat.sub(lambda part: re.sub(r"\n\s*", " ", part[0]), text) + "\n")
