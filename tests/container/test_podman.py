# SPDX-License-Identifier: MIT
"""The images, the compose file and the manifest for Kubernetes, run by podman(1) in a network
namespace. Only tests/container/run runs this file."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, VERSION, run
from test_manifests import containers, kubernetes

FILES = ROOT / "packaging/container"
RUNTIME = Path(__file__).with_name("podman-runtime")
PREPARE = "ip link set lo up; mount -t tmpfs tmpfs /run; echo ready; exec cat"


class Podman:
    """podman(1) with a storage, networks and a /run of its own."""

    def __init__(self, directory):
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", PREPARE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        assert self._holder.stdout.readline() == "ready\n"
        programs = directory / "bin"
        programs.mkdir()
        words = [
            "/usr/bin/podman", "--root", directory / "root", "--runroot", "/run/storage",
            "--tmpdir", "/run/libpod", "--network-config-dir", directory / "networks",
            "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", RUNTIME,
            "--events-backend", "none",
        ]
        wrapper = programs / "podman"
        wrapper.write_text(f'#!/bin/sh\nexec {" ".join(map(str, words))} "$@"\n')
        wrapper.chmod(0o755)
        self._environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}

    def command(self, *words, check=True):
        """Runs a command in the namespaces; podman is this one."""
        return run(
            "nsenter", "--target", self._holder.pid, "--net", "--mount", *words, check=check,
            env=self._environment, timeout=120,
        )

    def __call__(self, *words, check=True):
        return self.command("podman", *words, check=check)

    def close(self):
        self("rm", "--all", "--force", "--time", "0", check=False)
        self._holder.stdin.close()
        self._holder.wait(10)


@pytest.fixture(scope="module")
def podman(images, tmp_path_factory):
    found = Podman(tmp_path_factory.mktemp("podman"))
    try:
        for name in ("echod", "echoload"):
            loaded = found("load", "-i", images.archive(name, "docker")).stdout
            assert loaded == f"Loaded image: localhost/{name}:{VERSION}\n"
        yield found
    finally:
        found.close()


def test_a_container_is_healthy_logs_to_standard_error_and_stops_with_0(podman):
    image = f"localhost/echod:{VERSION}"
    podman("run", "-d", "--name", "alone", "--network", "none", "--read-only", "--cap-drop", "all", image)
    # podman leaves the timer of health checks to systemd, which may not run here.
    podman("healthcheck", "run", "alone")
    podman("stop", "alone")
    logs = podman("logs", "alone")
    assert logs.stdout == ""
    assert logs.stderr.splitlines()[-1].endswith("stopped")
    assert podman("inspect", "--format", "{{.State.ExitCode}}", "alone").stdout == "0\n"
    podman("rm", "alone")


def metrics(podman):
    return podman.command("curl", "-s", "http://127.0.0.1:9807/metrics").stdout


def test_the_compose_file_starts_daemon_and_exporter_and_runs_the_load(podman):
    compose = ["podman-compose", "-f", FILES / "compose.yaml"]
    podman.command(*compose, "up", "-d", "echod", "exporter")
    try:
        podman("healthcheck", "run", "container_echod_1")
        load = podman.command(
            *compose, "run", "--rm", "-T", "echoload", "echod:8007", "-c", "2", "-n", "100"
        )
        assert "verdict     ok: every echo was byte for byte what was sent" in load.stdout
        assert 'echod_up{instance_name="echod"} 1' in metrics(podman)
    finally:
        podman.command(*compose, "down")


def test_docker_compose_accepts_the_compose_file():
    run("docker-compose", "-f", FILES / "compose.yaml", "config", "-q")


def test_the_manifest_for_kubernetes_makes_a_pod_whose_probes_pass(podman):
    file = FILES / "kubernetes.yaml"
    podman("play", "kube", file)
    try:
        probes = [
            (container["name"], probe["exec"]["command"])
            for container in containers(kubernetes())
            for kind, probe in container.items() if kind.endswith("Probe") and "exec" in probe
        ]
        assert len(probes) == 2
        for name, command in probes:
            podman("exec", f"echod-pod-0-{name}", *command)
        assert 'echod_up{instance_name="echod"} 1' in metrics(podman)
        shown = podman("inspect", "echod-pod-0-echod").stdout
        assert json.loads(shown)[0]["HostConfig"]["ReadonlyRootfs"] is True
    finally:
        podman("play", "kube", "--down", file)


def test_the_oci_archives_load_too(podman, images):
    # Last: it replaces the image, and the OCI format has no health check.
    loaded = podman("load", "-i", images.archive("echod", "oci")).stdout
    assert f"localhost/echod:{VERSION}" in loaded
