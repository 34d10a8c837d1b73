# SPDX-License-Identifier: MIT
"""The short form: few connections, one round, all checks except latency. tests/abuse/run is the
long form."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

import cohorts  # noqa: E402

MODES = (
    "slow-read",
    "dribble",
    "idle",
    "half-header",
    "oversize",
    "garbage",
    "rst",
    "never-read",
)
TIMEOUTS = {"idle": "4s", "message": "1s", "write": "1s", "unacked": "2s"}
OPTIONS = SimpleNamespace(connections=20, control=5, rate=100, seconds=4, timeouts=TIMEOUTS)


def test_the_manual_page_documents_every_mode():
    assert tuple(cohorts.documented()) == MODES


def test_misbehaving_clients_end_as_documented_and_do_not_affect_others():
    mixed = dict.fromkeys(MODES, OPTIONS.connections)
    row = cohorts.beside_abuse("mixed", mixed, OPTIONS, cohorts.documented())
    assert row.faults == []


@pytest.mark.parametrize("mode", MODES)
def test_an_undocumented_end_fails_the_check(mode):
    row = cohorts.Row(mode, {mode: 3}, control=1)
    row.abuse_report = {mode: {"asked": 3, "opened": 3, "refused": 0, "wrong": 0}}
    counter = cohorts.documented()[mode][-1]
    for counted in (counter, "closed_io_error"):
        row.counters = {"closed_peer": 1 + cohorts.BACKGROUND_CONTROL, counted: 3}
        row.check_ends(cohorts.documented())
    assert len(row.faults) == 1 and "closed_io_error" in row.faults[0]


def test_one_address_gets_only_its_share_of_the_connections():
    assert cohorts.beside_one_greedy_address(OPTIONS).faults == []
