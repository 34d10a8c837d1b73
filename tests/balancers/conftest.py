# SPDX-License-Identifier: MIT
"""Fixtures of the tests of packaging/balancers."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from balancers import HAProxy, Nginx  # noqa: E402
from hosts import Network  # noqa: E402


@pytest.fixture
def network(tmp_path):
    """Machines of their own: a client, a balancer and two servers."""
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    made = Network(tmp_path)
    try:
        made.build()
        yield made
    finally:
        made.finish()


@pytest.fixture
def haproxy(network):
    network.start_servers()
    return HAProxy(network)


@pytest.fixture
def nginx(network):
    network.start_servers()
    made = Nginx(network)
    yield made
    # Its workers, which the process would leave behind if it were killed.
    made.process.terminate()
    made.process.wait(10)


@pytest.fixture(params=["haproxy", "nginx"])
def balancer(request):
    return request.getfixturevalue(request.param)
