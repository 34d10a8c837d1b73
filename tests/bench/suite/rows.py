# SPDX-License-Identifier: MIT
"""The rows of the table: the loads that are measured."""

from dataclasses import dataclass

from . import measure


@dataclass(frozen=True)
class Row:
    """`connections` with `in_flight` messages each, beside `idle` connections."""

    connections: int
    in_flight: int = 1
    sizes: str = "fixed:64"
    idle: int = 0
    churn: bool = False

    @property
    def name(self):
        payload = self.sizes.removeprefix("fixed:").replace("uniform:", "")
        work = f"{self.connections:,}×{self.in_flight}×{payload}"
        if self.churn:
            return f"{self.connections:,} at a time: connect, echo {payload}, close"
        return f"{self.idle:,} idle + {work}" if self.idle else work

    @property
    def payload(self):
        """The size of each message, if all have the same."""
        kind, _, size = self.sizes.partition(":")
        return int(size) if kind == "fixed" else None

    @property
    def client(self):
        """The lightest client that can generate this load and checks the echoes."""
        if self.churn:
            return "bench-churn"
        return "echoload --verify header" if self.payload is None else "bench-mixed"

    def describe(self):
        return {
            "name": self.name, "connections": self.connections, "in_flight": self.in_flight,
            "sizes": self.sizes, "idle": self.idle, "churn": self.churn, "client": self.client,
        }

    def run(self, build, server, warmup, duration, seed):
        if self.churn:
            return measure.churn(build, server, self, warmup, duration)
        return measure.load(build, server, self, warmup, duration, seed)


def rows(short):
    """`short` has the same rows, with a tenth of the connections in rows with many."""
    few = 10 if short else 1
    return [
        Row(1),
        Row(64),
        Row(64, 16),
        Row(64, 16, "fixed:1016"),
        Row(1000 // few, 1, "fixed:512"),
        Row(10000 // few),
        Row(100, idle=15000 // few),
        Row(64, churn=True),
        Row(64, 1, "uniform:0-1016"),
    ]
