# SPDX-License-Identifier: MIT
"""Well-behaved clients beside floods: the cases, their rounds, and the tables."""

import random
import statistics
import tempfile

from . import measure
from .building import say
from .servers import Server
from .text import grouped, microseconds

#: limits.quota_messages; with the last, the largest, no connection is a flood
QUOTAS = [1, 10, 100, 65535]
NO_QUOTA = QUOTAS[-1]
#: floods, messages in flight of each, payload
LOADS = [(50, 64, 64), (50, 64, 1016), (250, 64, 64), (300, 1000, 0), (2500, 1000, 0),
         (3000, 1000, 0), (9900, 1000, 0)]
SHORT_LOADS = [(50, 64, 64), (300, 100, 0)]
WELL_BEHAVED, PAYLOAD = 10, 64
#: what is measured besides the echoes of the well-behaved clients
OTHERS = {"first_echo": "first echo of a new connection", "control": "answer to --status",
          "signal": "SIGHUP handled"}
ALONE = [f"{one}_{p}" for one in ("echo", *OTHERS) for p in ("p50_ns", "p99_ns", "max_ns")]
BESIDE = [*ALONE, "jain", "flood_jain", "flood_per_s", "cpu_ns_per_message"]


def _once(build, quota, load, duration):
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory:
        config = [("limits", "quota_messages", quota), ("stats", "interval", '"0"')]
        with Server(build, "echod", directory, config) as server:
            try:
                # Many floods need some time until all of them are at work.
                warmup = duration / 3 + (load[0] / 5000 if load else 0)
                report = measure.beside(build, server, load, WELL_BEHAVED, PAYLOAD, warmup,
                                        duration)
            except measure.ClientFailed as failure:
                raise SystemExit(str(failure)) from None
    found = {"jain": report["jain"]}
    for name, latencies in (("echo", report), *((name, report[name]) for name in OTHERS)):
        found.update({f"{name}_{p}": latencies[p] for p in ("p50_ns", "p99_ns", "max_ns")})
    if load:
        found.update({key: report[key] for key in
                      ("flood_jain", "flood_per_s", "cpu_ns_per_message")})
    return found


def _columns(runs, figures):
    return {figure: [one[figure] for one in runs] for figure in figures}


def _medians(columns):
    """A run on a busy machine may be without a figure of the CPU time."""
    known = {figure: [value for value in values if value is not None]
             for figure, values in columns.items()}
    return {figure: statistics.median(values) if values else None
            for figure, values in known.items()}


def _ratios(over, under):
    return statistics.median(a / b for a, b in zip(over, under))


def run(build, rounds, duration, seed, loads):
    """Each round has every quota alone and beside all loads, in a random order that is recorded."""
    keys = [(quota, load) for quota in QUOTAS for load in (None, *loads)]
    runs = {key: [] for key in keys}
    shuffled = random.Random(seed)
    order = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        turns = list(range(len(keys)))
        shuffled.shuffle(turns)
        order.append(turns)
        for turn in turns:
            quota, load = keys[turn]
            runs[keys[turn]].append(_once(build, quota, load, duration))
    alone = {quota: _columns(runs[quota, None], ALONE) for quota in QUOTAS}
    cases = []
    for load in loads:
        unlimited = _columns(runs[NO_QUOTA, load], BESIDE)
        for quota in QUOTAS:
            beside = _columns(runs[quota, load], BESIDE)
            cases.append({
                "floods": load[0], "in_flight": load[1], "payload": load[2], "quota": quota,
                "beside": beside, "beside_median": _medians(beside),
                "throughput_to_no_quota": _ratios(beside["flood_per_s"],
                                                  unlimited["flood_per_s"]),
                "p99_to_alone": _ratios(beside["echo_p99_ns"], alone[quota]["echo_p99_ns"]),
            })
    return {"order": order, "cases": cases,
            "alone": [{"quota": quota, "alone": alone[quota],
                       "alone_median": _medians(alone[quota])} for quota in QUOTAS]}


def _quota(quota):
    return "none" if quota == NO_QUOTA else str(quota)


def describe(found):
    p99s = [f"{one}_p99_ns" for one in ("echo", *OTHERS)]
    heads = f"{'echo':>9}{'new':>9}{'status':>9}{'SIGHUP':>9}"
    text = (f"{WELL_BEHAVED} well-behaved clients, {PAYLOAD} bytes; p99 in us of their echoes, of "
            f"first echoes, answers and signals\n\n{'alone, quota':<26}{'p50':>9}{heads}\n")
    for case in found["alone"]:
        middle = case["alone_median"]
        text += f"{_quota(case['quota']):<26}{microseconds(middle['echo_p50_ns']):>9}"
        text += "".join(f"{microseconds(middle[p99]):>9}" for p99 in p99s) + "\n"
    text += (f"\n{'floods x in flight, quota':<26}{'p50':>9}{heads}{'to alone':>9}{'Jain':>8}"
             f"{'floods/s':>12}{'to none':>8}{'Jain':>8}{'ns/msg':>8}\n")
    for case in found["cases"]:
        middle = case["beside_median"]
        name = f"{case['floods']}x{case['in_flight']}x{case['payload']}, {_quota(case['quota'])}"
        text += f"{name:<26}{microseconds(middle['echo_p50_ns']):>9}"
        text += "".join(f"{microseconds(middle[p99]):>9}" for p99 in p99s)
        text += (f"{case['p99_to_alone']:>9.2f}{middle['jain']:>8.4f}"
                 f"{grouped(middle['flood_per_s']):>12}{case['throughput_to_no_quota']:>8.2f}"
                 f"{middle['flood_jain']:>8.4f}"
                 f"{grouped(middle['cpu_ns_per_message']) if middle['cpu_ns_per_message'] else '-':>8}\n")
    return text


def mdoc(found):
    """The table for a manual page."""
    text = ('.Bl -column "9,900 x 1,000 x 1,016" "quota" "0.00" "1.000" "10,000" "10,000" "10,000"\n'
            '.It Sy floods Ta Sy quota Ta Sy rate Ta Sy Jain Ta Sy p99 Ta Sy new Ta Sy status\n')
    for case in found["alone"]:
        if case["quota"] == 10:
            text += ".It none Ta 10 Ta Ta Ta " + _latencies(case["alone_median"])
    for case in found["cases"]:
        middle = case["beside_median"]
        text += (f".It {grouped(case['floods'])} x {grouped(case['in_flight'])} x "
                 f"{grouped(case['payload'])} Ta {_quota(case['quota'])} Ta "
                 f"{case['throughput_to_no_quota']:.2f} Ta {middle['flood_jain']:.3f} Ta "
                 + _latencies(middle))
    facts = found["machine"]
    return text + (".El\n.Pp\n"
                   f"Medians of {found['rounds']} rounds of {found['duration_s']:g} s;\n"
                   f"{facts['date']}, {facts['cpu']}, Linux {facts['kernel']}.\n")


def _latencies(middle):
    columns = ("echo_p99_ns", "first_echo_p99_ns", "control_p99_ns")
    return " Ta ".join(microseconds(middle[column]) for column in columns) + "\n"
