# SPDX-License-Identifier: MIT
"""Names with several addresses: which address gets connections, and its figures."""

import collections
import contextlib
import os
import re
import socket
import subprocess

import pytest
from echoload_support import ECHOLOAD, HANG_TIMEOUT, echoload, refusing_port, result_of
from witness import witness

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts an /etc/hosts of its own")


def echoload_with_hosts(tmp_path, hosts, *arguments):
    """Runs echoload with other contents of /etc/hosts; its exit status and result."""
    file = tmp_path / "hosts"
    file.write_text("".join(f"{address} many.test\n" for address in hosts))
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'mount --bind {file} /etc/hosts && exec "$@"', "sh"]
        + [str(ECHOLOAD), "--format", "json", *map(str, arguments)],
        capture_output=True, text=True, timeout=HANG_TIMEOUT, check=False,
    )  # fmt: skip
    return done.returncode, result_of(done.stdout)


@contextlib.contextmanager
def black_hole(address):
    """A listener whose backlog is full: attempts to connect get no answer. Yields its port."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET))
        listener.bind((address, 0))
        listener.listen(0)
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@needs_root
def test_an_address_that_does_not_answer_is_overtaken(tmp_path):
    # getaddrinfo(3) puts 127.0.0.1 first: the source address has all of its bits (RFC 6724, 6).
    with black_hole("127.0.0.1") as port, witness(address="127.0.0.2", port=port) as server:
        code, report = echoload_with_hosts(
            tmp_path, ["127.0.0.2", "127.0.0.1"], "-c", 5, "-n", 100, f"many.test:{port}"
        )
    assert code == 0, report["verdict"]
    by_address = {row["address"]: row for row in report["addresses"]}
    silent, answering = by_address[f"127.0.0.1:{port}"], by_address[f"127.0.0.2:{port}"]
    assert (silent["up"], silent["overtaken"], silent["echoed"]) == (0, 5, 0)
    assert (answering["up"], answering["echoed"]) == (5, 100)
    assert len(server.accepted) == 5
    assert all(row["target"] == f"many.test:{port}" for row in report["addresses"])


@needs_root
def test_a_name_whose_addresses_all_fail_names_each_of_them(tmp_path):
    with refusing_port() as target:
        port = target.split(":")[1]
        code, report = echoload_with_hosts(
            tmp_path, ["127.0.0.3", "127.0.0.1"], "-c", 1, "-n", 1, "--timeout", "2s",
            f"many.test:{port}",
        )  # fmt: skip
    assert code == 1
    (reason,) = report["verdict"]["reasons"]
    assert f"127.0.0.3:{port} ECONNREFUSED" in reason and f"127.0.0.1:{port} ECONNREFUSED" in reason


@needs_root
def test_resolve_all_spreads_the_connections_over_all_addresses(tmp_path):
    addresses = [f"127.0.0.{number}" for number in (1, 2, 3, 4)]
    with witness(address="0.0.0.0") as server:
        for resolve, spread in (("first", [40]), ("all", [10] * 4)):
            server.accepted.clear()
            code, report = echoload_with_hosts(
                tmp_path, addresses, "-c", 40, "-n", 400, "--resolve", resolve,
                f"many.test:{server.port}",
            )  # fmt: skip
            assert code == 0, report["verdict"]
            local = collections.Counter(local for _, _, local in server.accepted)
            assert sorted(local.values()) == spread
            used = {row["address"]: row["up"] for row in report["addresses"] if row["up"]}
            assert used == {f"{host}:{port}": count for (host, port), count in local.items()}
            assert sum(row["echoed"] for row in report["addresses"]) == 400
            assert report["asked"]["resolve"] == resolve


def test_the_address_that_refused_is_named():
    with refusing_port() as target, witness() as server:
        serving = server.target
        both = echoload("-c", 2, "-n", 10, target, serving)
        none = echoload("-c", 1, "-n", 1, target)
    assert both.code == 5 and f"{target}  up 0, echoed 0, failed 1 (ECONNREFUSED)" in both.out, both
    latency = r"\(p50 \S+, p99 \S+, max \S+\)"
    assert re.search(rf"{re.escape(serving)}  up 1, echoed 10 {latency}\n", both.out), both
    assert f"no connection could be made ({target} ECONNREFUSED)" in none.out, none
