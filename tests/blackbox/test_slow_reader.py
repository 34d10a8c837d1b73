# SPDX-License-Identifier: MIT
"""A client that does not read uses bounded memory and does not affect other clients."""

import signal
import threading

import pytest
from service_manager import ServiceManager
from wire import message

PEERS = 30
BUFFERED_KIB = 32  # the most bytes buffered for one connection
NEVER = {"idle": "0s", "message": "0s", "write": "0s"}


def flood_all(daemon, peers, marker):
    """Every client sends until nothing more is accepted, even after further iterations."""
    block = message(bytes(500)) * 100
    blocked = 0
    while blocked < 20:
        sent = sum(peer.flood(block) for peer in peers)  # from the start of a message each time
        marker.echo()  # so the daemon has processed the data sent before
        blocked = blocked + 1 if sent == 0 else 0


@pytest.mark.release_only
def test_flooding_clients_that_never_read_use_bounded_memory(echod):
    daemon = echod(timeouts=NEVER)
    marker = daemon.connect()
    marker.echo()
    before = daemon.resident_kib()
    peers = [daemon.connect(receive_buffer=8192) for _ in range(PEERS)]
    flood_all(daemon, peers, marker)
    assert daemon.statistics()["stalls"] >= PEERS
    assert daemon.resident_kib() - before <= PEERS * BUFFERED_KIB + 512


def unread_kib(daemon, peer=None):
    """KiB that the kernel takes for a client that never reads."""
    before = daemon.statistics()["bytes_out"]
    marker = daemon.connect()
    flood_all(daemon, [peer or daemon.connect()], marker)
    return (daemon.statistics()["bytes_out"] - before) // 1024


def limit(size):
    return {"timeouts": NEVER, "limits": {"unsent_bytes": size}}


@pytest.mark.release_only
def test_the_unsent_part_of_the_send_queue_is_bounded(echod):
    unlimited = unread_kib(echod(**limit("0")))
    limited, larger = (unread_kib(echod(**limit(size))) for size in ("64KiB", 512 * 1024))
    assert limited < larger < unlimited
    assert limited <= unlimited // 4


@pytest.mark.release_only
def test_a_reloaded_limit_of_unsent_bytes_applies_to_new_connections(echod):
    daemon = echod(**limit("0"))
    early = daemon.connect()
    early.echo()
    daemon.reload(limit("64KiB"))
    late = unread_kib(daemon)
    assert late <= unread_kib(daemon, early) // 4


@pytest.mark.release_only
def test_a_restored_connection_has_the_limit_of_the_new_process(echod):
    manager = ServiceManager()
    first = echod(manager=manager, **limit("0"))
    peer, other = first.connect(), first.connect()
    other.echo()
    first.expected_exit = 75
    assert first.stop(signal.SIGUSR2) == 75
    second = echod(**limit("64KiB"), **manager.passing())
    limited = unread_kib(second, peer)
    assert limited <= unread_kib(echod(**limit("0"))) // 4
    manager.close()


def test_clients_that_never_read_do_not_block_other_clients(echod):
    daemon = echod(timeouts=NEVER)
    marker = daemon.connect()
    peers = [daemon.connect(receive_buffer=8192) for _ in range(10)]
    flood_all(daemon, peers, marker)
    for number in range(500):
        marker.echo(message(bytes(number), kind=number))


def test_clients_that_never_read_do_not_wake_the_loop(echod):
    daemon = echod(timeouts=NEVER)
    marker = daemon.connect()
    peers = [daemon.connect(receive_buffer=8192) for _ in range(5)]
    flood_all(daemon, peers, marker)
    before = daemon.sleeps()
    assert not marker.has_input(0.5)
    marker.echo()
    assert daemon.sleeps() - before <= 3


def test_a_client_that_starts_to_read_late_gets_every_byte(echod):
    daemon = echod(timeouts=NEVER)
    peer = daemon.connect(receive_buffer=8192)
    block = b"".join(message(bytes([n]) * n, kind=n) for n in range(200))
    sent = daemon.flood_until_stalled(peer, block)

    def send_the_rest():
        peer.send(block[sent % len(block) :])
        peer.half_close()

    sender = threading.Thread(target=send_the_rest)
    sender.start()
    assert peer.receive_until_eof() == block * (sent // len(block) + 1)
    sender.join()


def test_clients_that_read_irregularly_get_every_byte(echod):
    daemon = echod(timeouts=NEVER, limits={"quota_messages": 3})
    block = b"".join(message(bytes([n]) * n, kind=n) for n in range(100))
    peers = [daemon.connect(receive_buffer=65536) for _ in range(8)]
    sent = [0] * len(peers)
    got = [bytearray() for _ in peers]
    for turn in range(30):
        for number, peer in enumerate(peers):
            sent[number] = peer.flood(block, sent[number])
            if (turn + number) % 3 == 0:
                got[number] += peer.receive(min(60_000, sent[number] - len(got[number]) - 40_000))
    for number, peer in enumerate(peers):
        whole = block * (sent[number] // len(block) + 1)
        rest = whole[sent[number] :]
        sender = threading.Thread(target=lambda: (peer.send(rest), peer.half_close()))
        sender.start()
        got[number] += peer.receive_until_eof()
        sender.join()
        assert got[number] == whole
