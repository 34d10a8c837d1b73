# SPDX-License-Identifier: MIT
"""Modest clients beside floods: the cases, their rounds, and the tables."""

import random
import tempfile

from . import machine, measure
from .building import say
from .results import median
from .servers import Server
from .text import grouped, microseconds, percent

IN_FLIGHT = 64
#: floods, modest clients, payload
CROWDS = [(8, 100, 64), (8, 100, 1016), (1, 20, 64)]
SERVERS = [("echod, quota 1", "echod", 1), ("echod, quota 10", "echod", 10),
           ("echod, quota 100", "echod", 100), ("bare epoll loop", "epoll", None)]
FIGURES = ["jain", "share", "modest_per_s", "flood_per_s", "p50_ns", "p99_ns", "p99_9_ns",
           "server_cpu", "client_cpu", "cpu_ns_per_message"]


def _once(build, case, floods, duration):
    config = [("limits", "quota_messages", case["quota"])] if case["quota"] else []
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory:
        with Server(build, case["kind"], directory, config) as server:
            try:
                report, figures = measure.crowd(build, server, floods, IN_FLIGHT, case["modest"],
                                                case["payload"], duration / 5, duration)
            except measure.ClientFailed as failure:
                raise SystemExit(str(failure)) from None
    return {key: {**report, **figures}[key] for key in FIGURES}


def run(build, rounds, duration, seed):
    """Each round has all the cases, with and without floods, in a random order that is kept."""
    cases = [
        {"server": name, "kind": kind, "quota": quota, "floods": floods, "modest": modest,
         "payload": payload, "in_flight": IN_FLIGHT, "alone": [], "beside": []}
        for floods, modest, payload in CROWDS for name, kind, quota in SERVERS
    ]
    shuffled = random.Random(seed)
    order = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        turns = [(place, key) for place in range(len(cases)) for key in ("alone", "beside")]
        shuffled.shuffle(turns)
        order.append(" ".join(f"{place}-{key}" for place, key in turns))
        for place, key in turns:
            case = cases[place]
            floods = case["floods"] if key == "beside" else 0
            case[key].append(_once(build, case, floods, duration))
    for case in cases:
        for key in ("alone", "beside"):
            case[f"{key}_median"] = {figure: median([one[figure] for one in case[key]])
                                     for figure in FIGURES}
            case[key] = {figure: [one[figure] for one in case[key]] for figure in FIGURES}
    return {"order": order, "cases": cases}


def _of(cases, crowd):
    return [case for case in cases if (case["floods"], case["modest"], case["payload"]) == crowd]


def _title(crowd):
    floods, modest, payload = crowd
    return (f"{floods} {'floods' if floods > 1 else 'flood'} with {IN_FLIGHT} in flight "
            f"beside {modest} clients with one, payloads of {payload} bytes")


def describe(cases):
    text = ""
    for crowd in CROWDS:
        text += f"\n{_title(crowd)}\n"
        text += (f"{'':<18}{'Jain':>7}{'share':>8}{'modest/s':>11}{'floods/s':>11}{'p50 us':>9}"
                 f"{'p99 us':>9}{'p99.9 us':>10}{'p99 us without':>16}{'ns/msg':>8}{'server':>8}"
                 f"{'client':>8}\n")
        for case in _of(cases, crowd):
            beside, alone = case["beside_median"], case["alone_median"]
            text += (f"{case['server']:<18}{beside['jain']:>7.4f}{beside['share']:>8.1%}"
                     f"{grouped(beside['modest_per_s']):>11}{grouped(beside['flood_per_s']):>11}"
                     f"{microseconds(beside['p50_ns']):>9}{microseconds(beside['p99_ns']):>9}"
                     f"{microseconds(beside['p99_9_ns']):>10}{microseconds(alone['p99_ns']):>16}"
                     f"{grouped(beside['cpu_ns_per_message']):>8}{percent(beside['server_cpu']):>8}"
                     f"{percent(beside['client_cpu']):>8}\n")
    return text


def mdoc(found):
    """The first crowd as a table for a manual page."""
    crowd = CROWDS[0]
    text = (f'.Pp\n{_title(crowd)}:\n'
            '.Bl -column "bare loop" "1.0000" "100.0 %" "1,000,000" "1,000,000" "1,000,000"\n'
            '.It Sy quota Ta Sy Jain Ta Sy share Ta Sy p99 Ta Sy alone Ta Sy floods\n')
    for case in _of(found["cases"], crowd):
        beside, alone = case["beside_median"], case["alone_median"]
        name = case["quota"] or "bare loop"
        text += (f".It {name} Ta {beside['jain']:.4f} Ta {beside['share'] * 100:.1f} % Ta "
                 f"{microseconds(beside['p99_ns'])} Ta {microseconds(alone['p99_ns'])} Ta "
                 f"{grouped(beside['flood_per_s'])}\n")
    facts = found["machine"]
    return text + (".El\n.Pp\n"
                   f"Medians of {found['rounds']} rounds of {found['duration_s']:g} s;\n"
                   f"{facts['date']}, {facts['cpu']}, Linux {facts['kernel']}.\n")
