# SPDX-License-Identifier: MIT
"""Containers of the images that packaging/build-image makes, run by runc(8)."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build"))
VERSION = re.search(r"version: '(.*)'", (ROOT / "meson.build").read_text())[1]
TIMEOUT = 30  # upper limit in seconds for any step; normally much less

# The same package as that of tests/systemd, so that it is built once.
BUILD_ENVIRONMENT = {"DEB_BUILD_OPTIONS": "nocheck noautodbgsym", "DEB_CXXFLAGS_APPEND": "-g0"}


def run(*command, check=True, **options):
    result = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=options.pop("timeout", TIMEOUT), check=False, **options,
    )
    assert not check or result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result


class Images:
    """The archives of the images, and what packaging/build-image printed."""

    def __init__(self, directory, output):
        self.directory = directory
        self.output = output

    def archive(self, name, form):
        (found,) = self.directory.glob(f"{name}-{VERSION}-*.{form}.tar")
        return found


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("making and running images needs root")
    directory = tmp_path_factory.mktemp("images")
    output = run(
        ROOT / "packaging/build-image", "--output", directory, timeout=1200,
        env={**os.environ, **BUILD_ENVIRONMENT},
    ).stdout
    return Images(directory, output)


@pytest.fixture(scope="session")
def bundles(images, tmp_path_factory):
    """For each image, a bundle with the configuration that follows from the image's own, and without
    everything that a container can do without."""
    directory = tmp_path_factory.mktemp("bundles")
    found = {}
    for name in ("echod", "echoload"):
        layout = directory / f"{name}.layout"
        layout.mkdir()
        run("tar", "-C", layout, "-xf", images.archive(name, "oci"))
        run("umoci", "unpack", "--image", f"{layout}:localhost/{name}:{VERSION}", directory / name)
        found[name] = directory / name
    return found


def confine(config):
    """A root that is read-only, and no capability."""
    process = config["process"]
    process["terminal"] = False
    process["capabilities"] = {}
    process["noNewPrivileges"] = True
    process.pop("rlimits", None)
    config["root"]["readonly"] = True


class Container:
    """A container that runs; `log` and `output` are what it has written to standard error and to
    standard output."""

    def __init__(self, bundle, state, change=lambda config: None, arguments=None):
        self.name = f"echod-test-{os.getpid()}-{state.name}"
        self._runc = ["runc", "--root", str(state / "runc")]
        directory = state / "bundle"
        directory.mkdir(parents=True)
        config = json.loads((bundle / "config.json").read_text())
        config["root"]["path"] = str(bundle / "rootfs")
        confine(config)
        if arguments is not None:
            config["process"]["args"] = [config["process"]["args"][0], *arguments]
        change(config)
        (directory / "config.json").write_text(json.dumps(config))
        self.log, self.output = [], []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [*self._runc, "run", "--bundle", directory, self.name], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stderr, self.log)),
            threading.Thread(target=self._read, args=(self.process.stdout, self.output)),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, lines):
        for line in stream:
            with self._changed:
                lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for_log(self, text):
        with self._changed:
            found = self._changed.wait_for(
                lambda: any(text in line for line in self.log) or self.process.poll() is not None,
                TIMEOUT,
            )
        assert found and any(text in line for line in self.log), "".join(self.log)

    def pid(self):
        return json.loads(run(*self._runc, "state", self.name).stdout)["pid"]

    def status(self):
        """/proc/PID/status of its PID 1, as a dictionary."""
        text = Path(f"/proc/{self.pid()}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def execute(self, *command, check=True):
        return run(*self._runc, "exec", self.name, *command, check=check)

    def kill(self, number):
        run(*self._runc, "kill", self.name, int(number))

    def wait(self):
        """Waits for its end; returns the exit status."""
        status = self.process.wait(TIMEOUT)
        for reader in self._readers:
            reader.join(TIMEOUT)
        return status

    def stop(self):
        """As every runtime stops a container."""
        self.kill(signal.SIGTERM)
        return self.wait()

    def remove(self):
        run(*self._runc, "delete", "--force", self.name, check=False)
        self.process.kill()
        self.wait()


@pytest.fixture
def container(bundles, tmp_path):
    """container(NAME, change, arguments): starts one of the images, confined."""
    started = []

    def start(name, **options):
        started.append(Container(bundles[name], tmp_path / f"c{len(started)}", **options))
        return started[-1]

    yield start
    for each in started:
        each.remove()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def daemon(container):
    """The daemon, ready, and confined to what it needs."""
    found = container("echod")
    found.wait_for_log("ready: ")
    return found
