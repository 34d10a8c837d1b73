# SPDX-License-Identifier: MIT
"""Runs the benchmark suite in its shortest form. No speed is tested except the instructions per
message, which do not depend on the load of the machine."""

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
    blocks, building, callgrind, calls, fair, measure, polling, results, rows, targets,
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
    """(the file, its content, the output) of one short run."""
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


def test_each_round_has_all_servers_in_a_recorded_order(table):
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
def test_connections_of_one_churn_run_do_not_affect_the_next(table):
    _, measured, printed = table
    assert measured["time_wait"]["own_network"]
    assert "each run in a network of its own" in printed


def test_each_target_is_shown_with_the_measured_figure(table):
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


def test_chart_and_table_are_made_from_the_same_file(table, tmp_path):
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
def test_the_generated_parts_are_up_to_date(path):
    """After a change of results.json, fairness.json or their rendering, run tests/bench/render."""
    assert path.read_text() == blocks.files()[path]


def test_the_recorded_results_are_of_the_package_build_and_of_full_rows():
    recorded = json.loads(blocks.RESULTS.read_text())
    assert recorded["build"]["like_the_package"]
    assert [row["name"] for row in recorded["rows"]] == [row.name for row in rows.rows(short=False)]


def test_the_benchmark_of_the_capacity_search_compares_with_theory(tmp_path):
    file = tmp_path / "capacity.json"
    printed = run(HERE / "capacity", "--short", "--build", BUILD, "-o", file)
    measured = json.loads(file.read_text())
    assert measured["theory_per_s"] == pytest.approx(750)
    assert printed.count("sweep: ") == len(measured["sweep"]["points"]) == 8
    assert "search: " in printed


def row_of(rates, client_cpu):
    """A row with one round per server: its rate, and the client's share of a core."""
    runs = {name: [{"messages_per_s": rates.get(name, 100.0), "cpu_ns_per_message": 10.0,
                    "p99_ns": 1.0,
                    "client_cpu": client_cpu.get(name, 0.5)}] for name in NAMES}
    return results.summarize(rows.Row(64), runs, [NAMES])


def verdict(row, peer):
    what = f"messages a second, of {peer}'s, every row"
    started = {"ready_ms": {"median": 1}, "first_echo_ms": {"median": 1}}
    idle = {"echod": {"connections": 1, "rss_bytes_per_connection": 1, "server_cpu": 0}}
    return next(target for target in targets.judge([row], idle, started) if target["what"] == what)


def test_a_rate_limited_by_the_server_is_judged():
    assert verdict(row_of({"echod": 90.0}, {}), "libuv")["met"] is False
    assert verdict(row_of({"echod": 110.0}, {}), "libuv")["met"] is True


@pytest.mark.parametrize("limited", ["echod", "libuv"])
def test_a_rate_limited_by_the_client_is_not_judged(limited):
    found = verdict(row_of({"echod": 90.0}, {limited: 0.98}), "libuv")
    assert found["met"] is None
    assert "limited by the client" in found["measured"]


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds():
    found = results.compare([1.0, 2.0, 9.0], [2.0, 1.0, 3.0])
    assert found == {"ratio": 2.0, "min": 0.5, "max": 3.0, "low": 0.5, "high": 3.0,
                     "of_medians": 1.0}


@pytest.mark.parametrize("rounds, low, high", [(1, 1, 1), (5, 1, 5), (7, 1, 7), (8, 2, 7), (12, 3, 10)])
def test_an_interval_contains_the_median_with_a_probability_of_90_percent(rounds, low, high):
    found = results.interval_of([float(value) for value in range(rounds, 0, -1)])
    assert (found["low"], found["high"]) == (low, high)


@pytest.mark.parametrize("limit, met", [(0.9, False), (1.0, "undecided"), (1.05, "undecided"),
                                        (1.1, True)])
def test_a_target_within_the_interval_is_undecided(limit, met):
    found = {"ratio": 1.02, "low": 0.95, "high": 1.1}
    assert targets.at_most("what", limit, found)["met"] == met
    opposite = targets.at_least("what", limit, found)["met"]
    assert opposite == (limit <= 0.95 or (False if limit > 1.1 else "undecided"))


def test_few_connections_and_low_rates_are_measured_with_and_without_polling(table):
    _, measured, printed = table
    found = measured["polling"]
    assert [row["name"] for row in found["rows"]] == ["1×1×64", "4×1×64", "16×1×64"]
    for row in found["rows"]:
        assert {"echod", "echod_off", "epoll", "epoll_poll"} <= set(row["servers"])
    assert [each["rate"] for each in found["paced"]] == polling.RATES
    for each in found["paced"]:
        assert all(len(shares) == measured["rounds"] for shares in each["server_cpu"].values())
    assert "bare epoll loop that polls" in printed


def test_the_rate_of_echoload_includes_messages_in_flight_at_the_end(monkeypatch):
    report = {"messages": {"measured": 1000, "in_window": 900}, "window_s": 2.0, "elapsed_s": 2.5,
              "ramp_up_s": 0.1, "latency": dict.fromkeys(("p50_ns", "p99_ns", "p99_9_ns"), 1),
              "rate": {"messages_per_s": 450.0}}
    nothing = measure.Sampler(os.getpid(), os.getpid())
    monkeypatch.setattr(measure, "_observe", lambda server, command: (report, nothing, 0, 3 * 10**9))
    figures = measure.echoload(building.Build(BUILD), SimpleNamespace(port=1, name="echod"), 1, 1,
                               "fixed:1", 0, 2.0, 1)
    assert figures["messages_per_s"] == 500.0


def test_a_client_that_hangs_is_killed_and_fails_the_run(monkeypatch):
    monkeypatch.setattr(measure, "HANG_TIMEOUT", 0.2)
    server = SimpleNamespace(name="none", pid=os.getpid(), inside=[])
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen",
                        lambda *words, **how: started.append(popen(*words, **how)) or started[-1])
    with pytest.raises(measure.ClientFailed, match="did not end"):
        measure._observe(server, ["sleep", "1000"])
    assert [process.poll() is not None for process in started] == [True]


def test_idle_connections_are_closed_after_a_failure(tmp_path):
    build = building.Build(BUILD)
    with Server(build, "epoll", tmp_path) as server:
        descriptors = Path(f"/proc/{server.pid}/fd")
        with measure.hold(build, server, 1):
            with_one = len(list(descriptors.iterdir()))
        with pytest.raises(measure.ClientFailed):
            with measure.hold(build, server, 10):
                assert len(list(descriptors.iterdir())) == with_one + 9
                raise measure.ClientFailed("as a client does")
        with measure.hold(build, server, 1):  # its echo proves that the others are closed
            assert len(list(descriptors.iterdir())) == with_one


def test_the_instructions_per_message_are_the_recorded_ones(tmp_path):
    file = tmp_path / "instructions.json"
    printed = run(HERE / "instructions", "--short", "--tolerance", "5", "--build", BUILD, "-o",
                  file)
    counted = json.loads(file.read_text())["figures"]
    assert list(counted) == [callgrind.name(*case) for case in callgrind.CASES]
    assert all(figure > 0 for figure in counted.values()), printed


def test_system_calls_per_message_are_reported_by_name(tmp_path):
    file = tmp_path / "calls.json"
    printed = run(HERE / "syscalls", "--short", "--build", BUILD, "-o", file)
    counted = json.loads(file.read_text())["calls_a_message"]
    assert list(counted) == [case[0] for case in calls.CASES]
    for name in ("echod", "epoll"):
        one = counted["1 connection, 1 in flight"][name]
        assert one["recvfrom"] >= 1 and one["sendto"] >= 1, printed
        assert counted["connect, echo, close"][name]["close"] >= 1, printed


def test_instances_that_share_a_port_are_compared_with_one(tmp_path):
    file = tmp_path / "scale.json"
    printed = run(HERE / "scale", "--short", "--build", BUILD, "-o", file)
    found = json.loads(file.read_text())["instances"]
    assert list(found) == ["1", "2"], printed
    assert [len(found[count][0]["cores"]) for count in found] == [1, 2]
    for rounds in found.values():
        assert rounds[0]["messages_per_s"] > 0
        assert all(core > 0 for core in rounds[0]["cores"]), printed  # each had connections


def test_fairness_is_reported_for_each_load_and_quota(tmp_path):
    file = tmp_path / "fairness.json"
    printed = run(HERE / "fairness", "--short", "--build", BUILD, "-o", file)
    found = json.loads(file.read_text())
    keys = [(case["floods"], case["in_flight"], case["payload"], case["quota"])
            for case in found["cases"]]
    assert keys == [(*load, quota) for load in fair.SHORT_LOADS for quota in fair.QUOTAS]
    assert [case["quota"] for case in found["alone"]] == fair.QUOTAS
    for case in found["cases"]:
        middle = case["beside_median"]
        assert 0 < middle["jain"] <= 1.0 and 0 < middle["flood_jain"] <= 1.0, printed
        assert middle["flood_per_s"] > 0 and case["throughput_to_no_quota"] > 0
        assert all(middle[f"{one}_p99_ns"] > 0 for one in ("echo", *fair.OTHERS))


def test_the_memory_of_clients_that_never_read_grows_with_the_limit(tmp_path):
    file = tmp_path / "never-read.json"
    run(HERE / "never-read", "--short", "--build", BUILD, "-o", file)
    found = json.loads(file.read_text())["limits"]
    assert [one["unsent_bytes"] for one in found] == ["128KiB", "256KiB", "512KiB", "0"]
    assert all(one["messages_kib"] > 0 for one in found)
    assert found[0]["echoes_kib"] < 256 < found[-1]["echoes_kib"], found


def test_the_recorded_fairness_has_every_load_and_quota():
    found = json.loads(blocks.FAIRNESS.read_text())
    assert found["build"]["like_the_package"]
    assert [(case["floods"], case["in_flight"], case["payload"], case["quota"])
            for case in found["cases"]] == [
                (*load, quota) for load in fair.LOADS for quota in fair.QUOTAS]


def test_the_cost_of_the_client_is_reported_beside_a_bare_client(tmp_path):
    file = tmp_path / "client.json"
    run(HERE / "client", "--short", "--build", BUILD, "-o", file)
    rows_found = json.loads(file.read_text())["rows"]
    names = [row["name"] for row in rows_found]
    assert names == ["64×1×64", "64×16×64", "64×1×1016", "64×16×1016"]
    for row in rows_found:
        assert row["bare_ns"][0] > 0 and row["echoload_ns"][0] > 0
    counted = rows_found[1]
    assert 0 < counted["bare_instructions"] < counted["echoload_instructions"]


def test_the_micro_benchmarks_all_run():
    program = BUILD / "tests/bench/bench-micro"
    report = json.loads(run(program, "--benchmark_min_time=0.001", "--benchmark_format=json"))
    benchmarks = {one["name"]: one for one in report["benchmarks"]}
    assert [name for name, one in benchmarks.items() if one.get("error_occurred")] == []
    for part in ("scan", "deadline", "ready_queue", "touch", "expire_everybody", "latency",
                 "verify", "copy_a_message", "compare_a_message"):
        assert any(part in name for name in benchmarks), part
