# SPDX-License-Identifier: MIT
"""One version, and a source archive that depends on nothing but the sources."""

import os
import shutil
import subprocess

import pytest
import sources

RELEASE = sources.ROOT / "packaging/release"


def run(*command, environment=None, umask=-1):
    return subprocess.run(
        command, env={**os.environ, **(environment or {})}, umask=umask, capture_output=True, text=True,
        timeout=120, check=False,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the tracked files, without git."""
    root = tmp_path / "tree"
    for file in sources.tracked():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(sources.ROOT / file, root / file)
    return root


def test_every_file_names_the_version_of_meson():
    result = run(RELEASE, "--check")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("packaging/debian/changelog", "echod (", "echod (9"),
        ("packaging/echod.spec", "Version:        ", "Version:        9"),
        ("packaging/echod.spec", " <echod@example.org> - ", " <echod@example.org> - 9"),
        ("packaging/PKGBUILD", "pkgver=", "pkgver=9"),
        ("packaging/container/compose.yaml", "localhost/echoload:", "localhost/echoload:9"),
        ("packaging/container/kubernetes.yaml", "localhost/echod:", "localhost/echod:9"),
        ("README.md", "echod_", "echod_9"),
        ("man/echoload.1", "\nechoload ", "\nechoload 9"),
    ],
)
def test_a_file_that_names_another_version_is_found(copy, file, old, new):
    version = run(RELEASE, "--check").stdout.strip()
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    result = run(copy / "packaging/release", "--check")
    assert result.returncode == 1
    assert f"\n{file}: 9{version}" in result.stderr


def archive(tree, output, **options):
    result = run(tree / "packaging/release", "--tree", "--source", "--output", output, **options)
    assert result.returncode == 0, result.stderr
    (found,) = output.glob("echod-*.tar.gz")
    return found.read_bytes()


def test_the_source_archive_is_the_same_from_another_copy_and_under_another_umask(copy, tmp_path):
    first = archive(copy, tmp_path / "a")
    other = tmp_path / "a longer name of the folder"
    for folder in sorted(copy.rglob("*"), reverse=True):  # another order in the directories
        target = other / folder.relative_to(copy)
        target.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_file():
            shutil.copy(folder, target)  # now, not at the time of the original
    environment = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "TMPDIR": str(tmp_path)}
    assert archive(other, tmp_path / "b", environment=environment, umask=0o077) == first


def test_a_changed_file_is_another_archive(copy, tmp_path):
    first = archive(copy, tmp_path / "a")
    (copy / "README.md").write_text("other\n")
    assert archive(copy, tmp_path / "b") != first


# A package that holds what it was built from.
BUILDPACKAGE = """#!/bin/sh
machine=$(dpkg --print-architecture)
for option in "$@"; do
    case $option in --host-arch=*) machine=${option#*=} ;; esac
done
cp src/main.cpp "../echod_$(dpkg-parsechangelog -S Version)_$machine.deb"
"""


def build(tree, *options):
    """What packaging/build-deb has built, with a dpkg-buildpackage(1) that compiles nothing."""
    stub = tree.parent / "bin/dpkg-buildpackage"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(BUILDPACKAGE)
    stub.chmod(0o755)
    path = f"{stub.parent}:{os.environ['PATH']}"
    result = run(tree / "packaging/build-deb", *options, environment={"PATH": path})
    assert result.returncode == 0, result.stderr
    return (tree / result.stdout.strip()).read_text()


def test_a_package_is_used_again_only_if_it_is_of_these_sources_and_of_that_machine(copy):
    source = copy / "src/main.cpp"
    source.write_text("first")
    assert build(copy) == "first"
    source.write_text("second")
    assert build(copy, "--architecture", "riscv64") == "second"
    assert build(copy, "--reuse") == "second"
    machine = run("dpkg", "--print-architecture").stdout.strip()
    (package,) = copy.glob(f"dist/*_{machine}.deb")
    package.write_text("as it was built")
    assert build(copy, "--reuse") == "as it was built"


@pytest.mark.parametrize(
    "command",
    ["build-deb --reuse more", "build-deb --architecture arm64 more", "build-deb --architecture",
     "build-image --output /nowhere more", "build-image --output", "develop more", "develop --help more",
     "quickstart --help more"],
)
def test_an_argument_that_no_option_takes_is_refused(copy, command):
    name, *arguments = command.split()
    result = run(copy / "packaging" / name, *arguments)
    assert result.returncode == 2
    assert name in result.stderr
