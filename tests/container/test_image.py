# SPDX-License-Identifier: MIT
"""The images, run by runc(8) without a capability and with a root that is read-only."""

import contextlib
import ctypes
import json
import re
import signal
import socket
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import ROOT, TIMEOUT, VERSION, run

LARGEST_IMAGE = 60_000_000
CLONE_NEWNET = 0x40000000
EAFNOSUPPORT = 97
DENIED = {"action": "SCMP_ACT_ERRNO", "errnoRet": EAFNOSUPPORT}


def docker_config(images, name):
    archive = images.archive(name, "docker")
    (entry,) = json.loads(run("tar", "-xOf", archive, "manifest.json").stdout)
    assert entry["RepoTags"] == [f"localhost/{name}:{VERSION}"]
    return json.loads(run("tar", "-xOf", archive, entry["Config"]).stdout)["config"]


def healthcheck(images):
    kind, *command = docker_config(images, "echod")["Healthcheck"]["Test"]
    assert kind == "CMD", "not through a shell, which the image does not have"
    return command


def enter_network(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def client_of(container, port=8007):
    """A connection that begins in the network of a container."""
    def connect():
        return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)

    # setns(2) moves one thread.
    pid = container.pid()
    with ThreadPoolExecutor(max_workers=1, initializer=enter_network, initargs=(pid,)) as inside:
        client = inside.submit(connect).result()
    with client:
        yield client


def message(payload):
    return struct.pack("!II", 7, len(payload)) + payload


def test_each_image_is_small(images):
    sizes = {line.split()[0]: int(line.split()[1]) for line in images.output.splitlines()}
    assert len(sizes) == 5, "two images in two formats, and what is in them"
    print(images.output)
    assert max(sizes.values()) < LARGEST_IMAGE, images.output


@pytest.mark.parametrize("name", ["echod", "echoload"])
def test_an_image_has_no_shell_no_package_manager_and_no_setuid_file(bundles, name):
    files = [file for file in (bundles[name] / "rootfs").rglob("*") if not file.is_symlink()]
    programs = {file.name for file in files if file.is_file() and file.parent.name in ("bin", "sbin")}
    assert programs == {"echod", "echoload", "echod-exporter"}
    assert [file for file in files if file.stat().st_mode & 0o6000] == []
    assert [file for file in files if file.name in ("apt", "dpkg", "man", "locale")] == []


def test_every_package_in_the_image_keeps_its_licence(bundles):
    documents = bundles["echod"] / "rootfs/usr/share/doc"
    assert {"echod", "libc6", "libsystemd0"} <= {file.parent.name for file in documents.glob("*/*")}
    assert {file.name for file in documents.glob("*/*")} == {"copyright"}


def test_an_image_does_not_run_as_root(images):
    for name in ("echod", "echoload"):
        assert docker_config(images, name)["User"] == "65532:65532"


def test_the_daemon_is_process_1_without_root_capabilities_and_a_writable_root(daemon):
    status = daemon.status()
    assert status["Name"] == "echod"
    assert status["NSpid"].split()[-1] == "1"
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65532"}
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    mounts = Path(f"/proc/{daemon.pid()}/mountinfo").read_text().splitlines()
    (root,) = [line.split() for line in mounts if line.split()[4] == "/"]
    assert "ro" in root[5].split(",")


def test_the_health_check_of_the_image_passes_and_then_fails(daemon, images):
    command = healthcheck(images)
    assert daemon.execute(*command).returncode == 0
    # A daemon that does not serve: nothing listens on this port.
    assert daemon.execute(*[word.replace("8007", "8008") for word in command], check=False).returncode


def test_the_log_goes_to_standard_error_alone(daemon):
    assert daemon.stop() == 0
    assert daemon.output == []
    assert re.match(r"\d{4}-\d\d-\d\dT\S+Z info ", daemon.log[0])


def test_sigterm_sends_pending_echoes_and_ends_with_0(daemon):
    sent = message(bytes(1000)) * 100
    with client_of(daemon) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(message(b"before"))
        assert client.recv(14, socket.MSG_WAITALL) == message(b"before")
        client.sendall(sent)
        first = client.recv(1008, socket.MSG_WAITALL)
        daemon.kill(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        received = first + b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert received == sent
    assert daemon.wait() == 0
    assert any("messages_out=101" in line for line in daemon.log)


def test_a_mounted_file_configures_the_daemon_and_sighup_reads_it_again(container, tmp_path):
    file = tmp_path / "echod.toml"
    file.write_text('[listen]\naddresses = ["*"]\nport = 9000\n')

    def mount(config):
        config["mounts"].append({
            "destination": "/etc/echod", "source": str(tmp_path), "type": "bind",
            "options": ["bind", "ro"],
        })

    tmp_path.chmod(0o755)
    daemon = container("echod", change=mount)
    daemon.wait_for_log("ready: ")
    with client_of(daemon, 9000) as client:
        client.sendall(message(b"hello"))
        assert client.recv(13, socket.MSG_WAITALL) == message(b"hello")
        file.write_text('[listen]\naddresses = ["*"]\nport = 9001\n')
        daemon.kill(signal.SIGHUP)
        daemon.wait_for_log("9001")
        client.sendall(message(b"again"))
        assert client.recv(13, socket.MSG_WAITALL) == message(b"again")
    assert daemon.stop() == 0


def test_a_kernel_without_ipv6_is_no_reason_not_to_serve(container, images):
    def refuse_ipv6(config):
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{
                "names": ["socket"], **DENIED,
                "args": [{"index": 0, "value": int(socket.AF_INET6), "op": "SCMP_CMP_EQ"}],
            }],
        }

    daemon = container("echod", change=refuse_ipv6)
    daemon.wait_for_log("ready: listening on 0.0.0.0:8007")
    daemon.execute(*healthcheck(images))
    assert daemon.stop() == 0
    assert not any("not listening" in line for line in daemon.log)


def test_a_control_socket_needs_only_a_directory_of_its_own(container):
    def mount(config):
        config["mounts"].append({
            "destination": "/run/echod", "source": "tmpfs", "type": "tmpfs",
            "options": ["nosuid", "nodev", "noexec", "mode=0750", "uid=65532", "gid=65532"],
        })

    daemon = container("echod", change=mount)
    daemon.wait_for_log("ready: ")
    assert daemon.execute("/usr/sbin/echod", "--status").stdout.startswith(f"echod {VERSION}, pid 1, ")


def test_the_image_of_echoload_sends_load_to_the_daemon(container, daemon):
    def join(config):
        for namespace in config["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace["path"] = f"/proc/{daemon.pid()}/ns/net"

    load = container(
        "echoload", change=join, arguments=["127.0.0.1:8007", "-c", "4", "-n", "1k"]
    )
    assert load.wait() == 0, "".join(load.log)
    assert "verdict     ok: every echo was byte for byte what was sent" in "".join(load.output)


def test_build_image_refuses_an_unknown_argument():
    result = subprocess.run(
        [ROOT / "packaging/build-image", "--ouput"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr == "build-image: unexpected argument --ouput; see --help\n"
