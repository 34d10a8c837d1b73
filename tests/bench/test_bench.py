# SPDX-License-Identifier: MIT
"""The benchmark suite works, in its shortest form. Nothing here holds how fast anything is, but for
the instructions a message, which do not depend on how busy the machine is."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", HERE.parents[1] / "build-tests"))

sys.path.insert(0, str(HERE))

from suite import callgrind, rows  # noqa: E402
from suite.servers import NAMES, PEERS  # noqa: E402

FIGURES = ["messages_per_s", "p50_ns", "p99_ns", "p99_9_ns", "cpu_ns_per_message"]


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
    _, results, printed = table
    assert [row["name"] for row in results["rows"]] == [row.name for row in rows.rows(short=True)]
    for row in results["rows"]:
        assert list(row["servers"]) == NAMES
        assert list(row["echod_to"]) == list(PEERS)
        assert row["name"] in printed


def test_every_run_has_its_figures(table):
    _, results, _ = table
    for row in results["rows"]:
        for name, server in row["servers"].items():
            assert len(server["rounds"]) == results["rounds"]
            for figures in server["rounds"]:
                assert {figure for figure in FIGURES if figure not in figures} == set()
                assert figures["p50_ns"] > 0, (row["name"], name)
                assert figures["p50_ns"] <= figures["p99_ns"] <= figures["p99_9_ns"]


def test_the_table_says_where_when_and_how_it_was_made(table):
    _, results, printed = table
    for fact in ("date", "command", "cpu", "kernel", "compiler"):
        assert results["machine"][fact], fact
        assert results["machine"][fact] in printed
    assert len(results["load_average"]["before"]) == 3


def test_each_target_stands_beside_what_was_measured(table):
    _, results, printed = table
    assert len(results["targets"]) >= len(results["rows"]) + 5
    for target in results["targets"]:
        assert f"{target['what']}: {target['target']}, is {target['measured']}" in printed


def test_idle_connections_and_the_start_are_measured(table):
    _, results, _ = table
    assert list(results["idle"]) == NAMES
    for figures in results["start"].values():
        assert 0 < figures["min"] <= figures["median"] <= figures["max"]


def test_chart_and_table_come_out_of_the_same_file(table, tmp_path):
    file, results, _ = table
    run(HERE / "render", file, "--svg", tmp_path / "chart.svg", "--md", tmp_path / "table.md")
    svg = xml.etree.ElementTree.parse(tmp_path / "chart.svg").getroot()
    assert svg.tag.endswith("svg")
    drawn = " ".join(svg.itertext())
    written = (tmp_path / "table.md").read_text()
    for row in results["rows"]:
        assert row["name"].split(": ")[0] in drawn
        assert row["name"] in written
    assert results["machine"]["command"] in written


def test_the_instructions_a_message_are_those_that_are_kept(tmp_path):
    file = tmp_path / "instructions.json"
    printed = run(HERE / "instructions", "--short", "--tolerance", "5", "--build", BUILD, "-o", file)
    counted = json.loads(file.read_text())["figures"]
    assert list(counted) == [callgrind.name(*case) for case in callgrind.CASES]
    assert all(figure > 0 for figure in counted.values()), printed


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


def test_the_cost_of_the_client_is_told_beside_a_bare_one(tmp_path):
    file = tmp_path / "client.json"
    run(HERE / "client", "--short", "--build", BUILD, "-o", file)
    rows = json.loads(file.read_text())["rows"]
    assert [row["name"] for row in rows] == ["64×1×64", "64×16×64", "64×1×1016", "64×16×1016"]
    assert all(row["bare_ns"][0] > 0 and row["echoload_ns"][0] > 0 for row in rows)


def test_the_micro_benchmarks_all_run():
    program = BUILD / "tests/bench/bench-micro"
    report = json.loads(run(program, "--benchmark_min_time=0.001", "--benchmark_format=json"))
    benchmarks = {one["name"]: one for one in report["benchmarks"]}
    assert [name for name, one in benchmarks.items() if one.get("error_occurred")] == []
    for part in ("scan", "deadline", "ready_queue", "latency", "verify"):
        assert any(part in name for name in benchmarks), part
