# SPDX-License-Identifier: MIT
"""echoload --start-at and --part, and merge of their results."""

import datetime
import json
import re
import signal
import subprocess
import threading
import time

import pytest
from echoload_support import (
    HANG_TIMEOUT,
    REPOSITORY,
    echo_back,
    echoload,
    keeps,
    nearest_rank,
    received,
    refusing_port,
    result_of,
    serve,
    start_echoload,
)

PARTS = 3


def utc(seconds):
    """That time in seconds since 1970, as --start-at takes it."""
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def run_parts(directory, target, *options, numbers=range(1, PARTS + 1), start="+1s"):
    """The files of the results of these parts, which run together."""
    files = {number: directory / f"{number}.json" for number in numbers}
    runs = [
        start_echoload(
            *("-q", "--part", f"{number}/{PARTS}", "--seed", 7, "--start-at", start, *options),
            *("--format", "json", "-o", file, target),
        )
        for number, file in files.items()
    ]
    for run in runs:
        _, err = run.communicate(timeout=HANG_TIMEOUT)
        assert run.returncode in (0, 5), err  # on a busy machine some messages come late
    return list(files.values())


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The results of three parts of one run, as they would be on a machine that keeps up."""
    directory = tmp_path_factory.mktemp("parts")
    with serve(echo_back) as target:
        files = run_parts(directory, target, "-c", 10, "-R", 300, "-d", "1s")
    start = None
    for file in files:
        result = result_of(file.read_text())
        result["verdict"] = {"outcome": "ok", "exit_code": 0, "reasons": []}
        start = start or result["start"] | {"late_s": 0}
        result["start"] = start
        file.write_text(json.dumps(result))
    return files


def changed(file, directory, change):
    result = json.loads(file.read_text())
    change(result)
    copy = directory / f"changed-{file.name}"
    copy.write_text(json.dumps(result))
    return copy


def test_the_parts_send_the_messages_of_the_whole(tmp_path):
    options = ("-c", 10, "-n", 2000)
    whole, streams = [], []
    with serve(keeps(whole)) as target:
        assert echoload("-q", "--seed", 7, *options, target).code == 0
    with serve(keeps(streams)) as target:
        files = run_parts(tmp_path, target, *options)
    assert len(whole) == len(streams) == 10
    # How many messages a connection sends depends on the echoes, their bytes do not.
    for stream in streams:
        [same] = [one for one in whole if one.startswith(stream) or stream.startswith(one)]
        whole.remove(same)
    results = [result_of(file.read_text()) for file in files]
    assert [result["connections"]["asked"] for result in results] == [4, 3, 3]
    assert [result["part"]["first_connection"] for result in results] == [0, 4, 7]
    assert sum(result["messages"]["measured"] for result in results) == 2000
    assert all(result["asked"]["connections"] == 10 for result in results)


def test_merged_parts_are_the_whole(parts, tmp_path):
    merged = tmp_path / "merged.json"
    ended = echoload("merge", *parts, "-o", merged)
    assert (ended.code, ended.out, ended.err) == (0, "", ""), ended
    result, results = (result_of(merged.read_text()), [result_of(one.read_text()) for one in parts])
    assert result["asked"]["connections"] == result["connections"]["asked"] == 10
    assert result["asked"]["rate"] == 300 and result["asked"]["part"] is None
    assert result["open_loop"]["asked_per_s"] == pytest.approx(300)
    assert result["open_loop"]["due"] == 300
    assert result["seed"] == 7 and result["part"] is None
    assert result["parts"] == {"of": PARTS, "missing": [], "late": []}
    for key in ("response", "latency"):
        samples = {}
        for one in results:
            for edge, count in one[key]["histogram"]["buckets"]:
                samples[edge] = samples.get(edge, 0) + count
        for name, percent in (("p50_ns", 50), ("p99_ns", 99), ("p99_9_ns", 99.9)):
            assert result[key][name] == nearest_rank(samples, percent, result[key]["max_ns"])
    hdr = tmp_path / "merged.hdr"
    shown = echoload("show", merged, "--hdr", hdr)
    assert f"{parts[1]}, part 2 of 3, on time: " in shown.out and "parts       3 of 3\n" in shown.out
    assert re.search(r"Total count += +300\b", hdr.read_text())


def test_the_order_and_the_steps_of_a_merge_change_nothing(parts, tmp_path):
    step = tmp_path / "step.json"
    assert echoload("merge", *parts[:2], "-o", step).code == 5
    ended = echoload("merge", step, parts[2])
    assert ended.code == 0, ended
    assert ended.json == echoload("merge", *parts).json
    assert echoload("merge", *reversed(parts)).json["parts"]["missing"] == []


def test_a_missing_part_and_one_that_died_are_reported(parts, tmp_path):
    died = tmp_path / "died.json"
    died.touch()
    for files in (parts[:2], [*parts[:2], died], [died, *parts[:2]], [*parts[:2], tmp_path / "no"]):
        ended = echoload("merge", *files)
        assert ended.code == 5, ended
        assert ended.err == "echoload: part 3 of 3 is missing\n"
        verdict = ended.json["verdict"]
        assert verdict["outcome"] == "not delivered"
        assert verdict["reasons"][-1] == "part 3 of 3 is missing"
        assert len(verdict["reasons"]) == 1 + (len(files) == 3)
    alone = echoload("merge", died)
    assert alone.code == 2 and str(died) in alone.err, alone


def test_a_part_that_cannot_be_read_is_not_missing(parts, tmp_path):
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)  # as root, every file that is there can be read
    ended = echoload("merge", *parts[:2], loop)
    assert ended.code == 2, ended
    assert ended.out == "" and str(loop) in ended.err and "ELOOP" in ended.err, ended


def test_a_part_that_never_began_says_so(parts, tmp_path):
    never = tmp_path / "never.json"
    ended = echoload(
        *("-q", "--part", "3/3", "--seed", 7, "--start-at", parts_start(parts), "-c", 10),
        *("-R", 300, "-d", "1s", "--format", "json", "-o", never, "127.0.0.1:9"),
    )
    assert ended.code == 1 and " ago by the clock of this machine (" in ended.err, ended
    result = result_of(never.read_text())
    assert result["part"]["number"] == 3 and result["start"] is None
    targets = result_of(parts[0].read_text())["asked"]["targets"]
    never = changed(never, tmp_path, lambda result: result["asked"].update(targets=targets))
    merged = echoload("merge", *parts[:2], never)
    assert merged.code == 1, merged
    assert merged.json["parts"]["missing"] == []
    assert merged.json["verdict"]["reasons"][0].startswith(f"{never}: --start-at ")


def parts_start(parts):
    return result_of(parts[0].read_text())["start"]["at"]


def test_a_late_part_is_refused_without_force_and_reported_with_it(parts, tmp_path):
    late = changed(parts[2], tmp_path, lambda result: result["start"].update(late_s=1.3))
    refused = echoload("merge", *parts[:2], late)
    assert refused.code == 2 and refused.out == "", refused
    assert f"{late} (part 3 of 3) began 1.30s late" in refused.err
    forced = echoload("merge", "--force", *parts[:2], late)
    assert forced.code == 0 and forced.err == "echoload: part 3 of 3 began late\n", forced
    assert forced.json["parts"]["late"] == [3]
    assert forced.json["start"]["late_s"] == 1.3


@pytest.mark.parametrize("change, words", [
    (lambda result: result.update(seed=8), "their seeds are 7 and 8"),
    (lambda result: result["asked"].update(sizes="edges"), "sizes is"),
    (lambda result: result["part"].update(of=4), "they are parts of 3 and of 4"),
    (lambda result: result["part"].update(number=1), "both are part 1 of 3"),
    (lambda result: result.update(part=None), "the other one is none (--part)"),
    (lambda result: result["start"].update(at="2026-01-01T00:00:00.000000Z"), "they were to begin at"),
])  # fmt: skip
def test_what_is_no_part_of_the_run_is_refused(parts, tmp_path, change, words):
    ended = echoload("merge", parts[0], changed(parts[1], tmp_path, change))
    assert ended.code == 2 and words in ended.err, ended
    assert "are not parts of one run: " in ended.err


@pytest.mark.parametrize("options", [("-d", "200ms"), ("-n", 50), ("-R", 100, "-d", "200ms"),
                                     ("-d", "200ms", "--warmup", "100ms")])  # fmt: skip
def test_nothing_is_sent_before_the_start(options):
    accepted, first = [], []

    def handler(connection, _number):
        accepted.append(time.time())
        for data in received(connection):
            if len(first) < 3:
                first.append(time.time())
            connection.sendall(data)

    start = time.time() + 2
    with serve(handler) as target:
        ended = echoload("-c", 3, "--start-at", utc(start), *options, "--format", "json", target)
    assert ended.code in (0, 5), ended
    result = ended.json
    assert result["start"]["at"] == utc(start)
    assert f"the run begins at {utc(start)}, in " in ended.err
    assert min(first) >= start
    assert result["start"]["late_s"] > 0 or max(accepted) < start


def test_a_run_whose_connections_are_not_ready_begins_late():
    with serve(echo_back) as target:
        ended = echoload("-c", 5, "--connect-rate", 10, "--start-at", "+50ms", "-d", "50ms", target)
    assert ended.code == 0, ended
    [line] = [line for line in ended.out.splitlines() if line.startswith("start ")]
    assert "ms late; " in line or "s late; " in line
    assert "clock" in line


def test_a_start_that_is_past_is_refused():
    ended = echoload("--start-at", utc(time.time() - 90), "127.0.0.1:9")
    assert ended.code == 1 and ended.out == "", ended
    assert ": that was 90." in ended.err and "synchronised" in ended.err, ended


def test_a_signal_ends_the_wait_for_the_start():
    run = start_echoload("--start-at", "+1h", "--format", "json", "127.0.0.1:9")
    timer = threading.Timer(HANG_TIMEOUT, run.kill)
    timer.start()
    try:
        assert "the run begins at " in run.stderr.readline()
        run.send_signal(signal.SIGTERM)
        out, _ = run.communicate()
    finally:
        timer.cancel()
    assert run.returncode == 143
    assert result_of(out)["verdict"]["outcome"] == "interrupted"


def test_a_run_whose_connections_are_all_refused_never_begins():
    with refusing_port() as target:
        ended = echoload("-c", 2, "--start-at", "+2s", "--format", "json", target)
    assert ended.code == 1, ended
    assert ended.json["start"]["late_s"] is None


@pytest.mark.parametrize("name", ["parallel", "slurm"])
def test_a_script_explains_itself(name):
    script = REPOSITORY / "packaging/scale-out" / name
    lines = script.read_text().splitlines()
    assert len(lines) <= 40
    for arguments, code in ((["--help"], 0), ([], 2)):
        ended = subprocess.run([script, *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode == code
        assert (ended.stdout + ended.stderr).startswith("Usage: ")
