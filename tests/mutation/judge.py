# SPDX-License-Identifier: MIT
"""Builds a copy of the project with all mutants in it, and runs the tests against each of them."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = ("src", "client", "config", "man", "systemd", "packaging", "tests/unit", "tests/blackbox")
ONE_BY_ONE = ("meson.build", "README.md", "LICENSE", "tests/meson.build")
# The black-box tests that see the server's decisions.
BLACK_BOX = ("protocol", "closing", "limits", "timeouts", "slow_reader", "statistics", "restart",
             "fairness", "floods", "signals", "listening", "reload", "activation", "control",
             "standard_streams", "config_errors", "command_line")  # fmt: skip
SLOW_MS = 200  # tests that take longer run only if the others pass
MEMORY = 4 << 30
FILE_SIZE = 1 << 30


class Build:
    """The copy, configured once, in `directory`."""

    def __init__(self, directory, mutants, jobs):
        self.tree = Path(directory, "source")
        self.out = Path(directory, "build")
        self.jobs = jobs
        self.mutants = mutants
        self.files = {mutant.file for mutant in mutants}

    def prepare(self, rewrite):
        for name in (*COPIED, *ONE_BY_ONE):
            copy(ROOT / name, self.tree / name, {ROOT / file for file in self.files})
        self.write(rewrite)
        if not (self.out / "build.ninja").exists():
            # Comparisons of constants and the like are what the changes are about: no warnings.
            flags = f"-w -Wno-narrowing -fmax-errors=0 -include {HERE / 'mutant.hpp'}"
            run(["meson", "setup", str(self.out), str(self.tree), "--unity=on", "-Dunity_size=8",
                 "-Doptimization=0", "-Ddebug=false", "-Db_ndebug=false", f"-Dcpp_args={flags}"])

    def write(self, rewrite):
        for file in self.files:
            own = [mutant for mutant in self.mutants if mutant.file == file]
            update(self.tree / file, rewrite((ROOT / file).read_bytes(), own))

    def compile(self, targets, rewrite):
        """Builds; changes that do not compile are dropped. Returns how many those are."""
        before = len(self.mutants)
        for _ in range(12):
            built = subprocess.run(["ninja", "-C", self.out, "-k0", f"-j{self.jobs}", *targets], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
            if built.returncode == 0:
                return before - len(self.mutants)
            if not self.drop(built.stdout):
                sys.exit(f"tests/mutation/run: the copy does not compile:\n{built.stdout[-4000:]}")
            self.write(rewrite)
        sys.exit(f"tests/mutation/run: still errors after 12 rounds:\n{built.stdout[-4000:]}")

    def drop(self, output):
        """Drops the changes at the places of the errors. Returns False if there are none."""
        places = set()
        place = r"^\S*source/(src/\S+?):(\d+):(\d+):\s+(?:error|required from)"
        for found in re.finditer(place, output, re.M):
            places.add((found[1], int(found[2]), int(found[3])))
        dropped = set()
        for file, line, column in places:
            here = [m for m in self.mutants if m.file == file and m.line == line]
            text = (self.tree / file).read_text().split("\n")[line - 1][: column + 20]
            # The call that begins last before the place of the error is the innermost one.
            numbers = {int(n) for n in re.findall(r"mutation::\w+(?:<[^>]*>)?\(\{?(\d+)", text)}
            exact = [m for m in here if m.id in numbers]
            dropped.update(m.id for m in (exact[-1:] or here))
        self.mutants = [m for m in self.mutants if m.id not in dropped]
        return bool(dropped)


def copy(source, target, but=()):
    """Copies a file or directory without the files `but`, which are written otherwise."""
    if source.is_dir():
        for path in source.rglob("*"):
            if path.is_file() and path not in but and "__pycache__" not in path.parts:
                update(target / path.relative_to(source), path.read_bytes(), path.stat().st_mode)
    elif source.exists():
        update(target, source.read_bytes(), source.stat().st_mode)


def update(path, content, mode=0o644):
    """Writes the file unless it has that content, so that ninja builds only what has changed."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode & 0o777)


def run(command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"tests/mutation/run: {' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}")
    return done.stdout


def limits(cpu_seconds):
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def idle_seconds(pid, start):
    """How long the process has waited for an event: neither run nor been ready to run."""
    try:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R":
            return 0  # ready to run, however long the machine lets it wait
        run_ns, ready_ns = Path(f"/proc/{pid}/schedstat").read_text().split()[:2]
    except (OSError, ValueError):
        return 0
    return time.monotonic() - start - (int(run_ns) + int(ready_ns)) / 1e9


def passes(command, seconds, **environment):
    """True if the command ends with 0, False if it ends otherwise or needs more CPU time than
    `seconds`, None if it waits longer than that. So a busy machine makes no difference. It runs in
    a session of its own, all of which is ended, and in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="echod-mutant-") as directory:
        start = time.monotonic()
        child = subprocess.Popen(command, cwd=environment.pop("cwd", directory), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 preexec_fn=lambda: limits(int(seconds)), start_new_session=True,
                                 env={**os.environ, **environment})  # fmt: skip
        try:
            while idle_seconds(child.pid, start) < seconds:
                try:
                    return child.wait(0.5) == 0
                except subprocess.TimeoutExpired:
                    continue
            return None
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()


class Stage:
    """A set of tests: which mutants each test reaches, and a run of those for a mutant."""

    def __init__(self, name):
        self.name = name
        self.tests = {}  # name: (milliseconds, the mutants that it reaches)

    def measure(self, count, jobs):
        """Runs every test once without a mutant. A test that fails then is an error."""
        with ThreadPoolExecutor(jobs) as pool:
            for test, milliseconds, numbers in pool.map(lambda t: self._reach(t, count), self.list()):
                self.tests[test] = (milliseconds, numbers)

    def _reach(self, test, count):
        with tempfile.NamedTemporaryFile(prefix="echod-reached-") as noted:
            noted.truncate(count + 1)
            start = time.monotonic()
            good = passes(self.command([test]), 300, ECHOD_MUTANTS_REACHED=noted.name, **self.environment())
            milliseconds = 1000 * (time.monotonic() - start)
            if not good:
                sys.exit(f"tests/mutation/run: {self.name}: {test} fails without a mutant")
            return test, milliseconds, {i for i, byte in enumerate(noted.read()) if byte}

    def judge(self, mutant):
        """'killed', 'timeout', 'survived' or 'not reached'."""
        reaching = {test: ms for test, (ms, numbers) in self.tests.items() if mutant.id in numbers}
        quick = [test for test, ms in reaching.items() if ms < self.quick_ms()]
        slow = sorted((test for test in reaching if test not in quick), key=reaching.get)
        for group in (quick, slow):
            if not group:
                continue
            seconds = 15 + 10 * sum(reaching[test] for test in group) / 1000
            good = passes(self.command(group), seconds, ECHOD_MUTANT=str(mutant.id), **self.environment())
            if not good:
                return "timeout" if good is None else "killed"
        return "survived" if reaching else "not reached"


class Unit(Stage):
    """A GoogleTest program."""

    def __init__(self, program):
        super().__init__(program.name)
        self.program = program

    def quick_ms(self):
        return SLOW_MS

    def environment(self):
        return {}

    def list(self):
        suite, tests = "", []
        for line in run([self.program, "--gtest_list_tests"]).splitlines():
            name = line.partition("#")[0].rstrip()
            if line.startswith("  "):
                tests.append(suite + name.strip())
            elif name.endswith("."):
                suite = name
        return tests

    def command(self, tests):
        return [self.program, "--gtest_brief=1", "--gtest_fail_fast", "--gtest_filter=" + ":".join(tests)]


class BlackBox(Stage):
    """Python tests, which run the two programs."""

    def __init__(self, build):
        super().__init__("blackbox")
        self.build = build

    def quick_ms(self):
        return 0  # in the order of their time, which pytest keeps

    def environment(self):
        return {"ECHOD_BUILD_DIR": str(self.build.out), "cwd": str(self.build.tree),
                "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip

    def measure(self, count, jobs):
        files = [f"tests/blackbox/test_{name}.py" for name in BLACK_BOX]
        with tempfile.TemporaryDirectory(prefix="echod-reached-") as directory:
            reached, notes = Path(directory, "reached"), Path(directory, "notes")
            reached.write_bytes(bytes(count + 1))
            good = passes([*self.command(files), "-p", "reached"], 3600, ECHOD_MUTANTS_REACHED=str(reached),
                          ECHOD_MUTANTS_BY_TEST=str(notes), **self.environment())  # fmt: skip
            if not good:
                sys.exit("tests/mutation/run: a black-box test fails without a mutant")
            for line in notes.read_text().splitlines():
                test, milliseconds, numbers = json.loads(line)
                self.tests[test] = (milliseconds, set(numbers))

    def command(self, tests):
        return ["/usr/bin/python3", "-m", "pytest", "-qx", "-p", "no:cacheprovider", *tests]
