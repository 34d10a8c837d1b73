# SPDX-License-Identifier: MIT
"""listen.incoming_cpu: instances that are bound to a processor, and the connections of each."""

import contextlib
import os
import platform

import pytest

CONNECTIONS = 40
PROCESSORS = sorted(os.sched_getaffinity(0))[:2]
WITHOUT_EFFECT = "listen.incoming_cpu is .*without effect.*CPUAffinity="
# Before Linux 6.2 the kernel asks the hash alone where sockets share a port.
KERNEL = tuple(int(part) for part in platform.release().split(".")[:2])


@contextlib.contextmanager
def bound_to(processor):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.fixture
def instances(echod, own_address, free_port):
    """Starts one instance for each of two processors, on one port, with that setting."""
    if len(PROCESSORS) < 2:
        pytest.skip("this process may use one processor only")

    def listen(setting):
        return {"addresses": [own_address], "port": free_port, "incoming_cpu": setting}

    def start(setting):
        return [
            echod(listen=listen(setting), prefix=("taskset", "-c", str(processor)),
                  env={"ECHOD_INSTANCE": str(processor)})
            for processor in PROCESSORS
        ]  # fmt: skip

    start.listen = listen
    return start


def connections_of(daemons, processor):
    """How many connections each instance gets from a client on that processor. On the loopback
    interface a packet arrives at the processor that sends it."""
    with bound_to(processor):
        clients = [daemons[0].connect() for _ in range(CONNECTIONS)]
        for client in clients:
            client.echo()
    counted = [daemon.statistics()["connections"] for daemon in daemons]
    for client in clients:
        client.close()
    for daemon in daemons:
        daemon.wait_for_counters(connections=0)
    return counted


@pytest.mark.skipif(KERNEL < (6, 2), reason="Linux before 6.2 has no such preference")
def test_each_instance_gets_the_connections_of_its_processor(instances):
    daemons = instances("own")
    for daemon in daemons:
        assert not daemon.lines_with(WITHOUT_EFFECT)
    assert connections_of(daemons, PROCESSORS[0]) == [CONNECTIONS, 0]
    assert connections_of(daemons, PROCESSORS[1]) == [0, CONNECTIONS]


def test_by_default_and_after_a_reload_all_get_some(instances):
    daemons = instances("own")
    for daemon in daemons:
        daemon.reload({"listen": instances.listen("any")})
    assert min(connections_of(daemons, PROCESSORS[0])) > 0


def test_a_process_that_is_no_instance_says_so(echod):
    daemon = echod(listen={"incoming_cpu": "own"},
                   prefix=("taskset", "-c", str(PROCESSORS[0])))  # fmt: skip
    daemon.wait_for_line("listen.incoming_cpu is .*without effect.*echod@.service")
    with daemon.connect() as client:
        client.echo()


def test_a_process_that_is_not_bound_says_so(echod):
    daemon = echod(listen={"incoming_cpu": "own"})
    if len(os.sched_getaffinity(0)) > 1:
        daemon.wait_for_line(WITHOUT_EFFECT)
    with daemon.connect() as client:
        client.echo()
