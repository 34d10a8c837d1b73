# SPDX-License-Identifier: MIT
"""Modest clients beside floods: the cases, their rounds, and the table."""

import json
import subprocess

from .building import say
from .results import median
from .servers import CLIENT_CPU, Server, pinned
from .text import grouped, microseconds

IN_FLIGHT = 64
#: floods, modest clients, payload
CROWDS = [(8, 100, 64), (8, 100, 1016), (1, 20, 64)]
SERVERS = [("echod, quota 1", "echod", 1), ("echod, quota 10", "echod", 10),
           ("echod, quota 100", "echod", 100), ("bare epoll loop", "epoll", None)]
FIGURES = ["jain", "share", "modest_per_s", "flood_per_s", "p50_ns", "p99_ns", "p99_9_ns"]


def _once(build, server, floods, modest, payload, milliseconds):
    command = [*pinned(CLIENT_CPU), build.tool("crowd"), str(server.port), str(floods),
               str(IN_FLIGHT), str(modest), str(payload), str(milliseconds // 5), str(milliseconds)]
    process = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if process.returncode != 0:
        raise SystemExit(f"{server.name}: {' '.join(command)} failed")
    return json.loads(process.stdout)


def _server(build, kind, quota, directory):
    config = [("limits", "quota_messages", quota)] if quota else []
    return Server(build, kind, directory, config)


def run(build, directory, short):
    rounds, milliseconds = (1, 100) if short else (5, 1000)
    cases = [
        {"server": name, "kind": kind, "quota": quota, "floods": floods, "modest": modest,
         "payload": payload, "in_flight": IN_FLIGHT, "alone": [], "beside": []}
        for floods, modest, payload in CROWDS for name, kind, quota in SERVERS
    ]
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for case in cases:
            for key, floods in (("alone", 0), ("beside", case["floods"])):
                with _server(build, case["kind"], case["quota"], directory) as server:
                    case[key].append(_once(build, server, floods, case["modest"], case["payload"],
                                           milliseconds))
    for case in cases:
        for key in ("alone", "beside"):
            case[f"{key}_median"] = {figure: median([one[figure] for one in case[key]])
                                     for figure in FIGURES}
    return cases


def describe(cases):
    text = ""
    for crowd in CROWDS:
        floods, modest, payload = crowd
        text += (f"\n{floods} {'floods' if floods > 1 else 'flood'} with {IN_FLIGHT} in flight "
                 f"beside {modest} clients with one, payloads of {payload} bytes\n")
        text += (f"{'':<18}{'Jain':>7}{'share':>8}{'modest/s':>11}{'floods/s':>11}"
                 f"{'p50 us':>9}{'p99 us':>9}{'p99.9 us':>10}{'p99 us without':>17}\n")
        for case in cases:
            if (case["floods"], case["modest"], case["payload"]) != crowd:
                continue
            beside, alone = case["beside_median"], case["alone_median"]
            text += (f"{case['server']:<18}{beside['jain']:>7.4f}{beside['share']:>8.1%}"
                     f"{grouped(beside['modest_per_s']):>11}{grouped(beside['flood_per_s']):>11}"
                     f"{microseconds(beside['p50_ns']):>9}{microseconds(beside['p99_ns']):>9}"
                     f"{microseconds(beside['p99_9_ns']):>10}{microseconds(alone['p99_ns']):>17}\n")
    return text
