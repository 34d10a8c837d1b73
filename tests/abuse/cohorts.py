# SPDX-License-Identifier: MIT
"""One run of echod with a control cohort, alone or beside misbehaving cohorts, and its checks.

The misbehaving cohorts run in a separate echoload. With `gives_way` it gets only the CPU time that
the other processes leave (SCHED_IDLE, as with chrt -i), so that its CPU use does not affect the
control cohort, only its load on the daemon does. If it gets too little time to open all its
connections, the run fails.

The expected end of each mode of `echoload --abuse` and its counter are read from echod(8), so that
the page is tested.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time

from echod_daemon import BUILD, ROOT, Echod
from echoload_support import result_of

ECHOLOAD = BUILD / "client/echoload"
# Every mode must end within a run, and under its intended timeout: dribble takes 1.6 s for a
# message, slow-read waits a second between two messages.
TIMEOUTS = {"idle": "7s", "message": "1s", "write": "3s", "unacked": "5s"}
# Each of these connections begins with a thousand messages at full speed. The control's latency is
# not judged during that load.
FLOODS = ("slow-read", "never-read")
FLOOD_SECONDS = 2
# The memory that a connection may use in echod.
RECORD = 144
MOST_BUFFERED = 32 * 1024
SLACK = 4 * 1024 * 1024
BACKGROUND_CONTROL = 1  # well-behaved connections of that echoload; one message/s
OPENED_A_SECOND = 2000  # by echoload --abuse
HANG_TIMEOUT = 120


def documented():
    """{mode: its possible counters} from the list in echod(8), MISBEHAVING CLIENTS."""
    page = (ROOT / "man/echod.8").read_text()
    section = re.search(r"^\.Sh MISBEHAVING CLIENTS\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
    entries = section.partition("\n.El")[0].split("\n.It Cm ")[1:]
    return {entry.split()[0]: tuple(re.findall(r"closed_\w+", entry)) for entry in entries}


class Row:
    """The figures of one run. `abuse` is {mode: connections}; {}: the control cohort alone."""

    def __init__(self, name, abuse, control):
        self.name = name
        self.abuse = abuse
        self.control = control
        self.others = 0  # connections that are opened beside them
        self.note = ""
        self.faults = []

    def hold(self, condition, fault):
        if not condition:
            self.faults.append(fault)

    @property
    def p99_ms(self):
        return self.report["response"]["p99_ns"] / 1e6

    @property
    def bound_kib(self):
        connections = sum(self.abuse.values()) + self.others + self.control + BACKGROUND_CONTROL
        return self.base_kib + (connections * (RECORD + MOST_BUFFERED) + SLACK) // 1024

    @property
    def arrival_seconds(self):
        opening = sum(self.abuse.values()) / OPENED_A_SECOND
        return opening + (FLOOD_SECONDS if any(mode in FLOODS for mode in self.abuse) else 0)

    def run(self, options, config=None, source=None, beside=None, launch=None):
        """Runs with its own daemon, and checks everything except latency. `beside(echod)`: a
        context that is active during the load. `launch`: options of Echod()."""
        total = sum(self.abuse.values())
        limits = {"max_connections": total + self.control + 100}
        timeouts = getattr(options, "timeouts", TIMEOUTS)
        with daemon(config or {"limits": limits, "timeouts": timeouts}, launch) as echod:
            self.base_kib = echod.resident_kib()
            with beside(echod) if beside else contextlib.nullcontext():
                self.report, *background = self.load(echod, options, source)
            self.counters = settled(echod)["counters"]
            self.peak_kib = echod.peak_resident_kib()
        self.check_control(self.report)
        if background:
            self.check_control(background[0])
            self.abuse_report = background[0]["abuse"]
        self.hold(
            self.peak_kib <= self.bound_kib,
            f"{self.peak_kib} KiB resident, {self.bound_kib} are allowed",
        )
        return self

    def load(self, echod, options, source):
        """The reports of the control cohort and of the misbehaving cohorts, if any."""
        seconds = options.seconds + self.arrival_seconds
        warmup = 0
        if any(mode in FLOODS for mode in self.abuse):
            seconds, warmup = options.seconds, self.arrival_seconds
        command = [ECHOLOAD, target(echod), "-d", f"{seconds:.1f}s", "--warmup", f"{warmup:.1f}s"]
        command += ["--timeout", "20s", "--format", "json", "-q"]
        control = ["-c", self.control, "-R", options.rate]
        if source:
            control += ["--source", source]
        runs = [start([*command, *control])]
        if self.abuse:
            modes = ",".join(f"{mode}:{n}" for mode, n in self.abuse.items())
            abuse = ["-c", BACKGROUND_CONTROL, "-R", BACKGROUND_CONTROL, "--abuse", modes]
            gives_way = getattr(options, "gives_way", False)
            runs.append(start([*command, *abuse], os.SCHED_IDLE if gives_way else os.SCHED_OTHER))
        try:
            return [self.report_of(run, HANG_TIMEOUT + seconds + warmup) for run in runs]
        finally:
            for run in runs:
                run.kill()

    def report_of(self, run, timeout):
        out, err = run.communicate(timeout=timeout)
        # 5: a busy machine did not reach the configured rate, which is no error of echod.
        if run.returncode not in (0, 5):
            self.faults.append(f"echoload ended with {run.returncode}: {err.strip()}")
        return result_of(out)

    def check_control(self, report):
        """The control cohort has lost nothing."""
        messages, connections = report["messages"], report["connections"]
        for what in ("wrong", "timed_out", "lost", "in_flight_at_end"):
            self.hold(messages[what] == 0, f"{messages[what]} messages of the control {what}")
        self.hold(messages["verified"] == messages["sent"] > 0, f"the control: {messages}")
        for what in ("shed", "unsent"):
            never = report["open_loop"][what]
            self.hold(never == 0, f"{never} messages of the control {what}")
        for what in ("failed", "ended_early"):
            self.hold(connections[what] == 0, f"{connections[what]} of the control {what}")

    def check_ends(self, counters_of):
        """Each mode has ended as documented, according to the daemon's counters."""
        behaved = self.control + BACKGROUND_CONTROL
        least, most = {"closed_peer": behaved}, {"closed_peer": behaved}
        for mode, counts in self.abuse_report.items():
            for counter in counters_of[mode]:
                most[counter] = most.get(counter, 0) + counts["opened"]
                sure = counts["opened"] if len(counters_of[mode]) == 1 else 0
                least[counter] = least.get(counter, 0) + sure
            self.hold(counts["opened"] >= counts["asked"], f"{mode}: {counts}")
            self.hold(counts["refused"] == counts["wrong"] == 0, f"{mode}: {counts}")
        opened = sum(counts["opened"] for counts in self.abuse_report.values())
        ended = {k: v for k, v in self.counters.items() if k.startswith("closed_") and v}
        self.hold(
            sum(ended.values()) == behaved + opened
            and all(ended.get(name, 0) >= number for name, number in least.items())
            and all(number <= most.get(name, 0) for name, number in ended.items()),
            f"ended as {ended}; documented is at least {least}, at most {most}",
        )

    @property
    def ends(self):
        return ", ".join(
            f"{number} {name.removeprefix('closed_')}"
            for name, number in self.counters.items()
            if name.startswith("closed_") and name != "closed_peer" and number
        )


class Daemon(Echod):
    def peak_resident_kib(self):
        return self._status("VmHWM")

    def state(self):
        asked = self.ask("--stats", "json")
        assert asked.returncode == 0, asked.stderr
        return json.loads(asked.stdout)


@contextlib.contextmanager
def daemon(config, launch=None):
    with tempfile.TemporaryDirectory(prefix="echod-abuse-") as directory:
        echod = Daemon(directory, config, **(launch or {}))
        try:
            yield echod
        finally:
            echod.finish()


def start(command, policy=os.SCHED_OTHER):
    return subprocess.Popen(
        [*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.sched_setscheduler(0, policy, os.sched_param(0)),
    )  # fmt: skip


def target(echod):
    host, port = echod.address
    return f"{host}:{port}"


def settled(echod):
    """The statistics when all connections have been closed."""
    deadline = time.monotonic() + HANG_TIMEOUT
    while (state := echod.state())["connections"] != 0:
        assert time.monotonic() < deadline, f"{state['connections']} connections do not end"
        time.sleep(0.02)  # there is no event for a counter
    return state


def beside_abuse(name, abuse, options, counters_of):
    row = Row(name, abuse, options.control).run(options)
    row.check_ends(counters_of)
    return row


def beside_one_greedy_address(options):
    """One address opens max_connections connections; the control cohort uses another address."""
    share = options.connections // 2
    config = {
        "limits": {
            "max_connections": options.connections,
            "max_connections_per_ip": share,
            "when_full": "reject",
        },
        "timeouts": {"idle": "0"},
    }
    row = Row("one address", {}, options.control)

    @contextlib.contextmanager
    def greedy(echod):
        with contextlib.ExitStack() as stack:
            for _ in range(options.connections):
                stack.enter_context(socket.create_connection(echod.address))
            yield

    row.run(options, config, source="127.0.0.2", beside=greedy)
    expected = {
        "accepted": share + options.control,
        "rejected_per_ip": options.connections - share,
        "rejected": 0,
    }
    counted = {name: row.counters[name] for name in expected}
    row.hold(counted == expected, f"counted {counted}, not {expected}")
    return row
