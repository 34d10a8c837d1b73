# SPDX-License-Identifier: MIT
"""Both programs with a proxy between them that acts as a bad network."""

import pytest
from load import DELIVERED, NOT_DELIVERED, WRONG, load
from proxy import Proxy
from wire import Client, message

# Every message sent is counted in one of these.
ENDS = ("verified", "wrong", "timed_out", "lost", "in_flight_at_end")


@pytest.mark.parametrize(
    ("piece", "delay"), [(7, 0.0), (100, 0.02), (4096, 0.2)], ids=["dribble", "jitter", "delay"]
)
def test_pieces_and_delays_change_and_lose_no_byte(echod, piece, delay):
    daemon = echod()
    with Proxy(daemon.address, piece=piece, delay=delay) as proxy:
        status, result = load(proxy.address, "-c", "10", "-p", "3", "-n", "300", "--sizes", "edges",
                              "--timeout", "60s")  # fmt: skip
    assert status == DELIVERED, result
    assert result["messages"]["verified"] == 300


@pytest.mark.parametrize("cut", ["reset", "fin"])
def test_interrupted_connections_get_no_wrong_echo(echod, cut):
    daemon = echod()
    with Proxy(daemon.address, piece=500, cut_after=20_000, cut=cut) as proxy:
        status, result = load(proxy.address, "-c", "10", "-p", "8", "-n", "2000",
                              "--timeout", "20s")  # fmt: skip
        cuts = proxy.cuts
    messages = result["messages"]
    if cut == "fin" and messages["wrong"] != 0:
        # A FIN in the middle of an echo is a truncated echo, no other kind; the load ends there.
        assert status == WRONG, result
        assert messages["wrong"] == result["wrong_by_kind"]["truncated"]
    else:
        assert status == NOT_DELIVERED, result
        assert (messages["wrong"], cuts) == (0, 10)
    assert messages["sent"] == sum(messages[name] for name in ENDS)
    daemon.wait_for_counters(connections=0)


def test_clients_behind_a_black_hole_time_out(echod):
    daemon = echod(timeouts={"idle": "1s", "message": "500ms", "write": "500ms"})
    with Proxy(daemon.address, piece=1000, cut_after=30_000, cut="black-hole") as proxy:
        status, result = load(proxy.address, "-c", "10", "-p", "8", "-n", "5000",
                              "--timeout", "3s")  # fmt: skip
        assert status == NOT_DELIVERED, result
        assert result["messages"]["wrong"] == 0
        # The proxy keeps its side open: only the daemon's timeouts close these.
        counters = daemon.wait_for_counters(connections=0)
    ended = [f"closed_{name}_timeout" for name in ("idle", "message", "write")]
    assert sum(counters.get(name, 0) for name in ended) == 10, counters
    daemon.connect().echo()


def test_a_client_behind_a_black_hole_does_not_affect_another(echod):
    daemon = echod(timeouts={"idle": "1s", "message": "500ms", "write": "500ms"})
    with Proxy(daemon.address, cut_after=50_000, cut="black-hole") as proxy:
        with Client(proxy.address) as victim:
            victim.flood(message(b"v" * 1016) * 50)
            with Client(daemon.address) as other:
                for _ in range(200):
                    other.echo()
            # Idle if the proxy's last piece ended with a message.
            counters = daemon.wait_for_counters(connections=0)
    ended = [f"closed_{name}_timeout" for name in ("idle", "message", "write")]
    assert sum(counters.get(name, 0) for name in ended) == 1, counters
