# SPDX-License-Identifier: MIT
"""The benchmark suite works, in its shortest form. Nothing here holds how fast anything is, but for
the instructions a message, which do not depend on how busy the machine is."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

from types import SimpleNamespace

import pytest

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", HERE.parents[1] / "build-tests"))

sys.path.insert(0, str(HERE))

from suite import (  # noqa: E402
    blocks, building, callgrind, calls, measure, results, rows, targets,
)
from suite.servers import NAMES, PEERS, Server  # noqa: E402


def run(*command):
    process = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, timeout=300,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """(the file, its content, what was printed) of one short run."""
    file = tmp_path_factory.mktemp("bench") / "short.json"
    printed = run(HERE / "run", "--short", "--build", BUILD, "-o", file)
    return file, json.loads(file.read_text()), printed


def test_the_table_has_every_row_with_every_server(table):
    _, measured, printed = table
    assert [row["name"] for row in measured["rows"]] == [row.name for row in rows.rows(short=True)]
    for row in measured["rows"]:
        assert list(row["servers"]) == NAMES
        assert list(row["echod_to"]) == list(PEERS)
        assert row["name"] in printed


def test_every_run_has_its_figures(table):
    _, measured, _ = table
    for row in measured["rows"]:
        for name, server in row["servers"].items():
            columns = server["rounds"]
            assert {len(values) for values in columns.values()} == {measured["rounds"]}
            p50, p99, p99_9 = (columns[key] for key in ("p50_ns", "p99_ns", "p99_9_ns"))
            assert all(0 < a <= b <= c for a, b, c in zip(p50, p99, p99_9)), (row["name"], name)
            assert all(rate > 0 for rate in columns["messages_per_s"]), (row["name"], name)
            assert "cpu_ns_per_message" in columns


def test_each_round_has_all_servers_in_an_order_that_is_kept(table):
    _, measured, _ = table
    for row in measured["rows"]:
        assert len(row["order"]) == measured["rounds"]
        assert all(sorted(order.split()) == sorted(NAMES) for order in row["order"])
    assert len({row["order"][0] for row in measured["rows"]}) > 1
    assert isinstance(measured["retries"], list)


def test_the_table_says_where_when_and_how_it_was_made(table):
    _, measured, printed = table
    for fact in ("date", "command", "cpu", "kernel", "compiler", "libc"):
        assert measured["machine"][fact], fact
        assert measured["machine"][fact] in printed
    assert all(version in printed for version in measured["machine"]["libraries"].values())
    assert measured["build"]["text"] in printed
    assert len(measured["load_average"]["before"]) == 3
    assert f"{measured['elapsed_s']:.0f} s in all" in printed


@pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root")
def test_connections_of_one_churn_do_not_stand_in_the_next_ones_way(table):
    _, measured, printed = table
    assert measured["time_wait"]["own_network"]
    assert "each run in a network of its own" in printed


def test_each_target_stands_beside_what_was_measured(table):
    _, measured, printed = table
    assert len(measured["targets"]) >= len(measured["rows"]) + 5
    for target in measured["targets"]:
        assert f"{target['what']}: {target['target']}, is {target['measured']}" in printed


def test_idle_connections_and_the_start_are_measured(table):
    _, measured, printed = table
    assert list(measured["idle"]) == NAMES
    for figures in measured["start"].values():
        assert 0 < figures["min"] <= figures["median"] <= figures["max"]
    assert f"target: at most {targets.READY_MS} ms" in printed
    assert f"target: at most {targets.FIRST_ECHO_MS} ms" in printed


def test_chart_and_table_come_out_of_the_same_file(table, tmp_path):
    file, measured, _ = table
    run(HERE / "render", file, "--svg", tmp_path / "chart.svg", "--md", tmp_path / "table.md")
    svg = xml.etree.ElementTree.parse(tmp_path / "chart.svg").getroot()
    assert svg.tag.endswith("svg")
    drawn = " ".join(svg.itertext())
    written = (tmp_path / "table.md").read_text()
    for row in measured["rows"]:
        assert row["name"].split(": ")[0] in drawn
        assert row["name"] in written
    assert measured["machine"]["command"] in written


@pytest.mark.parametrize("path", blocks.MADE, ids=lambda path: path.name)
def test_what_is_shown_is_what_was_measured(path):
    """After an edit of results.json, fairness.json or what draws them: tests/bench/render."""
    assert path.read_text() == blocks.files()[path]


def test_the_kept_results_are_of_the_packages_binary_and_of_full_rows():
    kept = json.loads(blocks.RESULTS.read_text())
    assert kept["build"]["like_the_package"]
    assert [row["name"] for row in kept["rows"]] == [row.name for row in rows.rows(short=False)]


def row_of(rates, client_cpu):
    """A row in which each server had one round: its rate, and the client's share of a core."""
    runs = {name: [{"messages_per_s": rates.get(name, 100.0), "cpu_ns_per_message": 10.0,
                    "p99_ns": 1.0,
                    "client_cpu": client_cpu.get(name, 0.5)}] for name in NAMES}
    return results.summarize(rows.Row(64), runs, [NAMES])


def verdict(row, peer):
    what = f"messages a second, of {peer}'s, every row"
    started = {"ready_ms": {"median": 1}, "first_echo_ms": {"median": 1}}
    idle = {"echod": {"connections": 1, "rss_bytes_per_connection": 1, "server_cpu": 0}}
    return next(target for target in targets.judge([row], idle, started) if target["what"] == what)


def test_a_rate_is_judged_where_it_is_the_servers_own():
    assert verdict(row_of({"echod": 90.0}, {}), "libuv")["met"] is False
    assert verdict(row_of({"echod": 110.0}, {}), "libuv")["met"] is True


@pytest.mark.parametrize("limited", ["echod", "libuv"])
def test_a_rate_that_the_client_set_is_not_judged_and_says_so(limited):
    found = verdict(row_of({"echod": 90.0}, {limited: 0.98}), "libuv")
    assert found["met"] is None
    assert "the client was the limit" in found["measured"]


def test_a_ratio_is_the_median_of_those_within_the_rounds():
    found = results.compare([1.0, 2.0, 9.0], [2.0, 1.0, 3.0])
    assert found == {"ratio": 2.0, "min": 0.5, "max": 3.0, "of_medians": 1.0}


def test_the_rate_of_echoload_has_what_was_in_flight_when_its_window_ended(monkeypatch):
    report = {"messages": {"measured": 1000, "in_window": 900}, "window_s": 2.0, "elapsed_s": 2.5,
              "ramp_up_s": 0.1, "latency": dict.fromkeys(("p50_ns", "p99_ns", "p99_9_ns"), 1),
              "rate": {"messages_per_s": 450.0}}
    nothing = measure.Sampler(os.getpid(), os.getpid())
    monkeypatch.setattr(measure, "_observe", lambda server, command: (report, nothing, 0, 3 * 10**9))
    figures = measure.echoload(building.Build(BUILD), SimpleNamespace(port=1, name="echod"), 1, 1,
                               "fixed:1", 0, 2.0, 1)
    assert figures["messages_per_s"] == 500.0


def test_a_client_that_does_not_end_is_a_failed_run_and_is_ended(monkeypatch):
    monkeypatch.setattr(measure, "PATIENCE", 0.2)
    server = SimpleNamespace(name="nobody", pid=os.getpid(), inside=[])
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen",
                        lambda *words, **how: started.append(popen(*words, **how)) or started[-1])
    with pytest.raises(measure.ClientFailed, match="did not end"):
        measure._observe(server, ["sleep", "1000"])
    assert [process.poll() is not None for process in started] == [True]


def test_idle_connections_are_gone_where_what_they_were_held_for_failed(tmp_path):
    build = building.Build(BUILD)
    with Server(build, "epoll", tmp_path) as server:
        descriptors = Path(f"/proc/{server.pid}/fd")
        with measure.hold(build, server, 1):
            with_one = len(list(descriptors.iterdir()))
        with pytest.raises(measure.ClientFailed):
            with measure.hold(build, server, 10):
                assert len(list(descriptors.iterdir())) == with_one + 9
                raise measure.ClientFailed("as a client does")
        with measure.hold(build, server, 1):  # its echo proves that the others' ends were seen
            assert len(list(descriptors.iterdir())) == with_one


def test_the_instructions_a_message_are_those_that_are_kept(tmp_path):
    file = tmp_path / "instructions.json"
    printed = run(HERE / "instructions", "--short", "--tolerance", "5", "--build", BUILD, "-o",
                  file)
    counted = json.loads(file.read_text())["figures"]
    assert list(counted) == [callgrind.name(*case) for case in callgrind.CASES]
    assert all(figure > 0 for figure in counted.values()), printed


def test_system_calls_a_message_are_told_by_name(tmp_path):
    file = tmp_path / "calls.json"
    printed = run(HERE / "syscalls", "--short", "--build", BUILD, "-o", file)
    counted = json.loads(file.read_text())["calls_a_message"]
    assert list(counted) == [case[0] for case in calls.CASES]
    for name in ("echod", "epoll"):
        one = counted["1 connection, 1 in flight"][name]
        assert one["recvfrom"] >= 1 and one["sendto"] >= 1, printed
        assert counted["connect, echo, close"][name]["close"] >= 1, printed


def test_fairness_is_told_for_each_quota_and_the_bare_loop(tmp_path):
    file = tmp_path / "fairness.json"
    run(HERE / "fairness", "--short", "--build", BUILD, "-o", file)
    cases = json.loads(file.read_text())["cases"]
    crowds = {(case["floods"], case["modest"]) for case in cases}
    assert crowds == {(8, 100), (1, 20)}
    assert {case["quota"] for case in cases} == {1, 10, 100, None}
    for case in cases:
        assert 0 < case["beside_median"]["jain"] <= 1.0
        assert 0 < case["beside_median"]["share"] < 1.0
        assert case["alone_median"]["share"] == 1.0
        for key in ("alone", "beside"):
            assert {"server_cpu", "client_cpu", "p99_ns"} <= set(case[key])


def test_the_cost_of_the_client_is_told_beside_a_bare_one(tmp_path):
    file = tmp_path / "client.json"
    run(HERE / "client", "--short", "--build", BUILD, "-o", file)
    told = json.loads(file.read_text())["rows"]
    assert [row["name"] for row in told] == ["64×1×64", "64×16×64", "64×1×1016", "64×16×1016"]
    for row in told:
        assert row["bare_ns"][0] > 0 and row["echoload_ns"][0] > 0
    counted = told[1]
    assert 0 < counted["bare_instructions"] < counted["echoload_instructions"]


def test_the_micro_benchmarks_all_run():
    program = BUILD / "tests/bench/bench-micro"
    report = json.loads(run(program, "--benchmark_min_time=0.001", "--benchmark_format=json"))
    benchmarks = {one["name"]: one for one in report["benchmarks"]}
    assert [name for name, one in benchmarks.items() if one.get("error_occurred")] == []
    for part in ("scan", "deadline", "ready_queue", "touch", "expire_everybody", "latency",
                 "verify"):
        assert any(part in name for name in benchmarks), part
