# SPDX-License-Identifier: MIT
"""A Slurm on this machine, in a directory of its own: munged, slurmctld, and a slurmd for each node."""

import contextlib
import os
import platform
import secrets
import socket
import subprocess
import time

TIMEOUT = 60  # seconds, on a busy machine
NODES = ("n1", "n2", "n3")

CONFIG = """
ClusterName=echod
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.sock
SlurmUser=root
SlurmdUser=root
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool-%n
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd-%n.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SelectType=select/linear
ReturnToService=2
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Cluster:
    """Its daemons run from start() to stop(), which ends each of them by its process."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = []
        self.environment = {**os.environ, "SLURM_CONF": str(directory / "slurm.conf")}

    def start(self):
        (self.directory / "state").mkdir()
        ports = free_ports(1 + len(NODES))
        host = platform.node()
        lines = CONFIG.format(host=host, directory=self.directory, ports=ports)
        for node, port in zip(NODES, ports[1:]):
            (self.directory / f"spool-{node}").mkdir()
            lines += f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1\n"
        lines += f"PartitionName=all Nodes={','.join(NODES)} Default=YES State=UP\n"
        (self.directory / "slurm.conf").write_text(lines)
        self.start_munge()
        self.start_daemon("slurmctld", "-D", "-c", "-f", self.directory / "slurm.conf")
        for node in NODES:
            self.start_daemon("slurmd", "-D", "-N", node, "-f", self.directory / "slurm.conf")
        self.wait_until(self.all_idle, "all nodes are idle")

    def start_munge(self):
        key = self.directory / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        own = (f"--{name}-file={self.directory}/munge.{name}" for name in ("key", "pid", "log", "seed"))
        self.start_daemon("munged", "--foreground", "--force", f"--socket={self.directory}/munge.sock", *own)
        self.wait_until((self.directory / "munge.sock").exists, "munged has its socket")

    def start_daemon(self, name, *arguments):
        with open(self.directory / f"{name}.{len(self.processes)}.out", "w", encoding="utf-8") as log:
            self.processes.append(subprocess.Popen(
                [f"/usr/sbin/{name}", *map(str, arguments)], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            ))  # fmt: skip

    def wait_until(self, condition, what):
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            for process in self.processes:
                assert process.poll() is None, f"{process.args} ended: see {self.directory}"
            assert time.monotonic() < deadline, f"not in {TIMEOUT} s: {what}"
            time.sleep(0.1)

    def all_idle(self):
        shown = self.run("sinfo", "--noheader", "--Node", "--format", "%N %t")
        return sorted(shown.stdout.split("\n")[:-1]) == [f"{node} idle" for node in NODES]

    def run(self, *command, **variables):
        return subprocess.run(
            list(map(str, command)), env={**self.environment, **variables}, cwd=self.directory,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3 * TIMEOUT, check=False,
        )  # fmt: skip

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
