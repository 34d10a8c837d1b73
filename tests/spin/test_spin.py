# SPDX-License-Identifier: MIT
"""The short form of the model of the loop. tests/spin/run has the long one."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from checker import FAULTS, MODEL, check, find  # noqa: E402


@pytest.mark.parametrize("connections,size,room", [(1, 6, 1), (1, 6, 2), (1, 6, 6), (2, 3, 1)])
def test_no_state_is_reachable_in_which_bytes_wait_and_nothing_wakes_the_loop(connections, size, room):
    found = check(connections, size, room)
    assert found.error is None
    assert found.states > 10_000  # the model did move


def test_the_model_knows_faults_to_plant():
    assert len(FAULTS) >= 7
    assert all(MODEL.read_text().count(fault) == 1 for fault in FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault):
    assert find(fault) is not None
