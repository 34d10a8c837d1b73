# SPDX-License-Identifier: MIT
"""echoload with thousands of connections and in longer runs: its memory does not grow."""

import resource

import pytest
from echoload_support import HANG_TIMEOUT, echoload, result_of, start_echoload

MANY = 15_000
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
needs_descriptors = pytest.mark.skipif(
    HARD_LIMIT < MANY + 200, reason=f"the hard RLIMIT_NOFILE of {HARD_LIMIT} is below {MANY + 200}"
)


def resident_of(report):
    return report["client"]["resident_bytes"]


@needs_descriptors
@pytest.mark.release_only
def test_fifteen_thousand_connections_need_less_than_a_kibibyte_each(echod):
    daemon = echod(limits={"max_connections": MANY + 100})
    target = "{}:{}".format(*daemon.address)
    arguments = ["-t", 2, "--source", "127.0.0.0/8", "--format", "json", target]
    few = echoload("-c", 100, "-d", "500ms", *arguments).json
    ended = echoload("-c", MANY, "-n", 2 * MANY, *arguments)
    assert ended.code == 0, ended
    report = ended.json
    assert report["connections"]["peak"] == MANY
    assert report["messages"]["verified"] == 2 * MANY
    each = (resident_of(report) - resident_of(few)) / (MANY - 100)
    print(f"{each:.0f} bytes a connection")
    # The fixed memory of a loop, buffers and histograms, is in both.
    assert resident_of(report) - resident_of(few) < 1024 * MANY


@pytest.mark.release_only
def test_memory_does_not_grow_with_the_length_of_a_run(echod, tmp_path):
    """A histogram takes memory for the latencies that occur, so that a stall in the second half makes
    it larger once. What grows with the number of messages does so in every run."""
    target = "{}:{}".format(*echod().address)
    result = tmp_path / "result.json"

    def growth():
        run = start_echoload(
            *("-o", result, "-c", 8, "-R", 4000, "-p", 16, "-d", "4s", "--interval", "20ms"),
            *("--format", "json", "--timeseries", "/dev/null", target),
        )
        sizes = []
        for line in run.stderr:
            if "p99" in line:
                with open(f"/proc/{run.pid}/statm") as statm:
                    sizes.append(int(statm.read().split()[1]) * resource.getpagesize())
        run.stdout.close()
        run.stderr.close()
        assert run.wait(HANG_TIMEOUT) == 0, result.read_text()
        assert result_of(result.read_text())["messages"]["verified"] == 16_000
        middle = len(sizes) // 2
        print(f"{sizes[middle]} bytes in the middle, {max(sizes[middle:])} at most after it")
        return max(sizes[middle:]) - sizes[middle]

    assert any(growth() < 512 * 1024 for _ in range(5))
