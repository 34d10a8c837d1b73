# SPDX-License-Identifier: MIT
"""packaging/scale-out/parallel: GNU parallel starts the parts of a run on three hosts."""

import os
import subprocess

import pytest
from echoload_support import REPOSITORY, echo_back, nearest_rank, result_of, serve
from load import ECHOLOAD
from machines import SERVER, machines
from namespace import namespace

SCRIPT = REPOSITORY / "packaging/scale-out/parallel"
PORT = 7007
LEAD = 15  # seconds, in which a busy machine starts all parts


@pytest.fixture
def hosts(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can make networks of its own")
    with namespace(), machines(tmp_path, 3) as made:
        yield made


def scale_out(hosts, directory, *arguments, **variables):
    """The script's exit status and standard error, the merged result and the results of the parts."""
    environment = {**os.environ, "ECHOLOAD": str(ECHOLOAD), "LEAD": str(LEAD),
                   "PARALLEL": f"--will-cite --ssh {hosts.ssh}", **variables}  # fmt: skip
    environment.pop("SHELL", None)  # as in a service of systemd
    ended = subprocess.run(
        [str(part) for part in (SCRIPT, ",".join(hosts.names), directory, *arguments)],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    print(ended.stderr, end="")  # shown if the test fails
    parts = [file.read_text() for file in sorted(directory.glob("part-?")) if file.stat().st_size]
    merged = result_of((directory / "merged.json").read_text())
    return ended.returncode, ended.stderr, merged, list(map(result_of, parts))


def test_three_hosts_make_one_run(hosts, tmp_path):
    peers = set()

    def handler(connection, _number):
        peers.add(connection.getpeername()[0])
        echo_back(connection)

    with serve(handler, address=(SERVER, 0)) as target:
        status, errors, merged, parts = scale_out(
            hosts, tmp_path / "results", "-c", 30, "-R", 300, "-d", "2s", target
        )
    assert status in (0, 5), errors  # on a busy machine some messages come late
    assert peers == {f"10.77.0.{number}" for number in (11, 12, 13)}
    assert merged["parts"]["missing"] == [] and len(parts) == 3
    assert merged["asked"]["connections"] == merged["connections"]["up"] == 30
    assert merged["open_loop"]["due"] == 600
    assert merged["messages"]["verified"] == sum(one["messages"]["verified"] for one in parts)
    assert sorted(one["part"]["first_connection"] for one in parts) == [0, 10, 20]
    samples = {}
    for one in parts:
        for edge, count in one["response"]["histogram"]["buckets"]:
            samples[edge] = samples.get(edge, 0) + count
    response = merged["response"]
    assert response["histogram"]["buckets"] == [list(each) for each in sorted(samples.items())]
    for name, percent in (("p50_ns", 50), ("p99_ns", 99), ("p99_9_ns", 99.9)):
        assert response[name] == nearest_rank(samples, percent, response["max_ns"])


def test_a_host_that_cannot_be_reached_is_a_missing_part(hosts, echod, tmp_path):
    echod(listen={"addresses": [SERVER], "port": PORT})
    status, errors, merged, parts = scale_out(
        hosts, tmp_path / "results", "-c", 9, "-d", "1s", f"{SERVER}:{PORT}",
        DEAD_HOST=hosts.names[1],
    )  # fmt: skip
    assert status == 5, errors
    assert "echoload: part 2 of 3 is missing\n" in errors
    assert merged["parts"]["missing"] == [2] and len(parts) == 2
    assert merged["verdict"]["reasons"][-1] == "part 2 of 3 is missing"
    assert "No route to host" in (tmp_path / "results/part-2.err").read_text()
