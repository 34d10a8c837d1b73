# SPDX-License-Identifier: MIT
"""The files of packaging/balancers and the manual page that explains them."""

import re
import shlex
import subprocess

import pytest
from echod_daemon import ECHOD, ROOT
from hosts import BALANCERS

PAGE = (ROOT / "man/echod-balancers.7").read_text()
NAMES = sorted(file.name for file in BALANCERS.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_the_page_names_each_file(name):
    assert re.search(rf"^\.(It )?Pa {re.escape(name)}\b", PAGE, re.M), name


def with_own_addresses(name):
    """The text of a file after the command of the page."""
    command = re.search(r"^# (sed .*?) haproxy\.cfg >", PAGE, re.M | re.DOTALL)[1]
    command = command.replace("\\e\n", " ").replace("\\e", "\\")
    return subprocess.run(
        [*shlex.split(command), BALANCERS / name], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_command_of_the_page_replaces_every_address(name):
    text = with_own_addresses(name)
    assert not re.search(r"192\.0\.2|198\.51\.100", text)
    assert re.search(r"\b10\.1\.0\.\d", text)


def test_the_configuration_of_haproxy_with_own_addresses_is_valid(tmp_path):
    config = tmp_path / "haproxy.cfg"
    config.write_text(with_own_addresses("haproxy.cfg"))
    checked = subprocess.run(["haproxy", "-c", "-f", config], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_configuration_of_the_servers_is_valid():
    command = [ECHOD, "--config", BALANCERS / "echod.toml", "--check-config"]
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0


def test_no_file_has_an_address_that_the_page_does_not_list():
    text = "".join((BALANCERS / name).read_text() for name in NAMES)
    used = set(re.findall(r"\b(?:192\.0\.2|198\.51\.100)\.\d+\b", text))
    listed = re.search(r"-width 198.*?\n(.*?)^\.El", PAGE, re.M | re.DOTALL)[1]
    assert used == set(re.findall(r"\d+\.\d+\.\d+\.\d+", listed))
