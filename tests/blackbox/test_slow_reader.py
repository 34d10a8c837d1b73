# SPDX-License-Identifier: MIT
"""A peer that does not read costs bounded memory and nobody else's time."""

import threading

import pytest
from wire import message

PEERS = 30
KEPT_KIB = 32  # the most that one connection can make the daemon keep
NEVER = {"idle": "0s", "message": "0s", "write": "0s"}


def flood_all(daemon, peers, marker):
    """Every peer sends until nothing more is taken, however often the daemon had its turn."""
    block = message(bytes(500)) * 100
    blocked = 0
    while blocked < 20:
        sent = sum(peer.flood(block) for peer in peers)  # each time from the start of a message
        marker.echo()  # so the daemon has looked at what was sent before
        blocked = blocked + 1 if sent == 0 else 0


@pytest.mark.release_only
def test_peers_that_flood_and_never_read_cost_bounded_memory(echod):
    daemon = echod(timeouts=NEVER)
    marker = daemon.connect()
    marker.echo()
    before = daemon.resident_kib()
    peers = [daemon.connect(receive_buffer=8192) for _ in range(PEERS)]
    flood_all(daemon, peers, marker)
    assert daemon.statistics()["stalls"] >= PEERS
    assert daemon.resident_kib() - before <= PEERS * KEPT_KIB + 512


def test_peers_that_never_read_cost_the_others_no_echo(echod):
    daemon = echod(timeouts=NEVER)
    marker = daemon.connect()
    peers = [daemon.connect(receive_buffer=8192) for _ in range(10)]
    flood_all(daemon, peers, marker)
    for number in range(500):
        marker.echo(message(bytes(number), kind=number))


def test_peers_that_never_read_cost_no_wake_up_either(echod):
    daemon = echod(timeouts=NEVER)
    marker = daemon.connect()
    peers = [daemon.connect(receive_buffer=8192) for _ in range(5)]
    flood_all(daemon, peers, marker)
    before = daemon.sleeps()
    assert not marker.has_input(0.5)
    marker.echo()
    assert daemon.sleeps() - before <= 3


def test_a_peer_that_starts_to_read_at_last_gets_every_byte(echod):
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


def test_peers_that_read_in_fits_and_starts_get_every_byte(echod):
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
