# SPDX-License-Identifier: MIT
"""The configured addresses: IPv4, IPv6, several, and ports that the kernel chooses."""

import json
import os
import re
import socket
import subprocess

import pytest
from echod_daemon import ECHOD, launched, parse_addresses, start_that_fails
from wire import TIMEOUT, message


def test_the_default_addresses_are_both_served(echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "::1"]})
    assert [host for host, _ in daemon.addresses] == ["127.0.0.1", "::1"]
    for address in daemon.addresses:
        daemon.connect(address).echo(message(b"on each"))
    daemon.wait_for_counters(connections=2)


def test_ipv6_is_served(echod):
    daemon = echod(listen={"addresses": ["::1"]})
    with daemon.connect() as client:
        stream = b"".join(message(bytes(n), kind=n) for n in range(200))
        assert client.exchange([stream]) == stream
        client.half_close()
        assert client.receive_until_eof() == b""


def test_the_same_port_serves_both_families(echod, free_port):
    # An IPv6 socket that also accepts IPv4 would conflict with the IPv4 one.
    daemon = echod(listen={"addresses": ["0.0.0.0", "::"], "port": free_port})
    daemon.connect(("127.0.0.1", free_port)).echo()
    daemon.connect(("::1", free_port)).echo()


def test_the_ready_line_names_every_address(echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "127.0.0.2", "::1"]})
    line = daemon.wait_for_line("ready: listening on ")
    for host, port in daemon.addresses:
        assert (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") in line
        daemon.connect((host, port)).echo()


def test_many_addresses_share_the_limit_of_connections(echod):
    addresses = [f"127.0.0.{n}" for n in range(1, 21)]
    limits = {"max_connections": 10, "when_full": "reject"}
    daemon = echod(listen={"addresses": addresses}, limits=limits)
    for address in daemon.addresses[:10]:
        daemon.connect(address).echo()
    for address in daemon.addresses[10:]:
        assert daemon.connect(address).receive_until_eof() == b""


def test_connections_of_every_address_are_accepted_in_turn(echod):
    addresses = [f"127.0.0.{n}" for n in range(1, 11)]
    daemon = echod(listen={"addresses": addresses}, limits={"accepts_per_turn": 1})
    with daemon.paused():
        clients = [daemon.connect(address) for address in daemon.addresses for _ in range(10)]
        for client in clients:
            client.send(message(b"all at once"))
    for client in clients:
        assert client.receive(19) == message(b"all at once")


LINK_LOCAL = {"addresses": ["fe80::1%echod-none0"]}


def test_a_missing_interface_matters_only_when_listening_on_it(echod):
    with socket.create_server(("127.0.0.1", 0)) as passed:
        daemon = echod(
            listen=LINK_LOCAL,
            prefix=launched("--sockets", str(passed.fileno())),
            fds=(passed.fileno(),),
        )
        daemon.connect().echo()
        daemon.reload({"listen": LINK_LOCAL, "limits": {"max_connections": 7}})
        assert daemon.ask("--reload").returncode == 0
        assert daemon.ask("--status").stdout.count("open of 7") == 1
    alone = echod(listen={**LINK_LOCAL, "missing": "error"}, wait=False)
    alone.expected_exit = 1
    assert alone.wait() == 1
    assert alone.find_line("cannot listen on .fe80::1%echod-none0.:0: there is no interface echod-none0")


def test_the_other_addresses_are_served_while_one_does_not_exist(echod):
    daemon = echod(listen={"addresses": ["192.0.2.1", "127.0.0.1"]})  # RFC 5737: no host has it
    missing = "not listening on 192.0.2.1:0: EADDRNOTAVAIL (Cannot assign requested address)"
    daemon.connect().echo()
    daemon.wait_for_line("ready: ")
    (warning,) = daemon.lines_with(" warning ")
    assert missing in warning
    assert missing in daemon.ask("--status").stdout
    daemon.wait_for_notification("^STATUS=listening on 127.0.0.1.*; " + re.escape(missing))
    daemon.write_config({"listen": {"addresses": ["192.0.2.1", "127.0.0.1"]}})
    assert missing in daemon.ask("--reload").stdout
    daemon.write_config({"listen": {"addresses": ["127.0.0.1"]}})
    assert daemon.ask("--reload").stdout == ""
    assert "not listening" not in daemon.ask("--status").stdout


def test_a_daemon_without_any_of_its_addresses_waits_for_them(echod):
    daemon = echod(listen={"addresses": ["192.0.2.1"]}, wait=False)
    daemon.wait_for_notification("^STATUS=listening on no address yet; not listening on 192.0.2.1:0")
    assert daemon.ask("--status").returncode == 0
    daemon.reload({"listen": {"addresses": ["127.0.0.1"]}})
    ready = daemon.wait_for_notification("^STATUS=listening on 127.0.0.1:")
    daemon.connect(parse_addresses(ready)[0]).echo()


def test_a_machine_without_ipv6_serves_ipv4_with_one_warning(echod):
    prefix = launched("--refuse", "AF_INET6")
    daemon = echod(listen={"addresses": ["127.0.0.1", "::1"]}, prefix=prefix)
    daemon.wait_for_line("ready: ")
    (warning,) = daemon.lines_with(" warning ")
    assert "EAFNOSUPPORT" in warning
    daemon.connect(("127.0.0.1", daemon.address[1])).echo()


@pytest.mark.parametrize("missing", ["retry", "error"])
def test_every_address_of_a_machine_without_ipv6_is_ipv4(echod, missing):
    listen = {"addresses": ["*"], "missing": missing}
    daemon = echod(listen=listen, prefix=launched("--refuse", "AF_INET6"))
    daemon.wait_for_line("ready: ")
    daemon.connect(("127.0.0.1", daemon.address[1])).echo()
    assert daemon.ask("--reload").stdout == ""
    assert not daemon.lines_with("::")
    assert not daemon.lines_with(" warning ")
    assert "not listening" not in daemon.ask("--status").stdout
    state = json.loads(daemon.ask("--stats", "json").stdout)
    assert len(state["listeners"]) == state["listeners_wanted"] == 1


def test_every_address_is_one_word(echod, free_port):
    daemon = echod(listen={"addresses": ["*"], "port": free_port, "missing": "error"})
    daemon.connect(("127.0.0.1", free_port)).echo()
    daemon.connect(("::1", free_port)).echo()
    daemon.wait_for_line("ready: ")
    assert not daemon.lines_with(" warning ")


def test_a_missing_address_can_be_an_error(echod):
    listen = {"addresses": ["127.0.0.1", "192.0.2.1"], "missing": "error"}
    line = start_that_fails(echod, listen=listen)
    assert "cannot listen on 192.0.2.1:0: bind: EADDRNOTAVAIL" in line
    daemon = echod()
    daemon.write_config({"listen": listen})
    answer = daemon.ask("--reload")
    assert answer.returncode == 1 and "192.0.2.1" in answer.stderr
    daemon.connect().echo()


@pytest.mark.parametrize(
    "env, unit", [({}, "echod.socket"), ({"ECHOD_INSTANCE": "3"}, "echod@3.socket")]
)
def test_a_sandbox_without_passed_sockets_is_named_as_the_cause(echod, env, unit):
    prefix = launched("--refuse", "AF_INET,AF_INET6")
    line = start_that_fails(echod, prefix=prefix, env=env)
    assert f"no sockets were passed; see systemctl status {unit}:" in line
    assert "EAFNOSUPPORT" not in line


def test_a_port_that_is_not_permitted_names_both_remedies(echod, own_address):
    prefix = []
    if os.geteuid() == 0:
        prefix = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    line = start_that_fails(echod, listen={"addresses": [own_address], "port": 7}, prefix=prefix)
    assert f"cannot listen on {own_address}:7: bind: EACCES" in line
    assert "echod.service.d/low-port.conf" in line
    assert "systemctl enable --now echod.socket" in line


def test_instances_share_the_port_of_the_configuration(echod, own_address):
    def instance(name, **options):
        listen = {"addresses": [own_address], "port": 7007}
        return echod(listen=listen, env={"ECHOD_INSTANCE": name}, **options)

    daemons = [instance("0"), instance("1")]
    for _ in range(64):  # all of them to the same instance: once in 2^63
        daemons[0].connect().echo()
    assert all(daemon.statistics().get("accepted", 0) for daemon in daemons)
    for client in daemons[0].clients:
        client.close()
    alone = echod(listen={"addresses": [own_address], "port": 7007}, wait=False)
    alone.expected_exit = 1
    assert alone.wait() == 1
    assert alone.find_line("EADDRINUSE")


@pytest.mark.parametrize("address", ["fe80::1%lo", "fe80::1%eth0", "fe80::1%1", "ff02::1%eth0"])
def test_a_configuration_is_valid_without_its_interface(tmp_path, address):
    if os.geteuid() != 0:
        pytest.skip("a network of its own needs root")
    path = tmp_path / "echod.toml"
    path.write_text(f'[listen]\naddresses = ["{address}"]\n')
    for prefix in ([], ["unshare", "--net"]):
        command = [*prefix, str(ECHOD), "--config", str(path), "--check-config"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert (done.returncode, done.stdout) == (0, f"{path}: ok\n"), done
