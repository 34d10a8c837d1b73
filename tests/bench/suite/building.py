# SPDX-License-Identifier: MIT
"""Where the programs come from: a build directory with the project's own default options."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = ROOT / "build-bench"


def add_option(parser):
    parser.add_argument(
        "--build",
        metavar="DIR",
        type=Path,
        help="use what DIR holds, where `ninja bench` has built it "
        f"(default: {DEFAULT.name}, made and built as needed)",
    )


def say(text):
    print(text, file=sys.stderr, flush=True)


def prepare(directory):
    """The build directory, built where it is ours."""
    if directory is not None:
        return Build(directory.resolve())
    say("building ...")
    quietly([ROOT / "packaging" / "install-packages", "build", "bench"])
    if not (DEFAULT / "build.ninja").exists():
        quietly(["meson", "setup", DEFAULT])
    quietly(["ninja", "-C", DEFAULT, "bench"])
    return Build(DEFAULT)


def quietly(command):
    process = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    if process.returncode != 0:
        sys.exit(process.stdout + f"{command[0]}: exit status {process.returncode}")


class Build:
    def __init__(self, directory):
        self.directory = directory

    def _program(self, *parts):
        path = self.directory.joinpath(*parts)
        if not os.access(path, os.X_OK):
            sys.exit(f"there is no {path}: did `ninja bench` build it?")
        return str(path)

    @property
    def echod(self):
        return self._program("src", "echod")

    @property
    def echoload(self):
        return self._program("client", "echoload")

    def peer(self, name):
        return self._program("tests", "bench", "peer-" + name)

    def tool(self, name):
        return self._program("tests", "bench", "bench-" + name)
