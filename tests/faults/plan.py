# SPDX-License-Identifier: MIT
"""The test's side of faults.c: plans the results of the daemon's next calls."""

import mmap
import os
import struct
from pathlib import Path

CALLS = (
    "accept4",
    "recv",
    "send",
    "epoll_ctl",
    "epoll_wait",
    "malloc",
    "write",
    "read",
    "sendmsg",
    "socketpair",
    "memfd_create",
    "epoll_add",
)
ONE_BYTE = -1
FOR_EVER = 2**31 - 1
LAYOUT = struct.Struct("=iiiiq")  # struct plan

BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", Path(__file__).resolve().parents[2] / "build"))
LIBRARY = BUILD / "tests/faults/faults.so"


class Faults:
    """A plan for one daemon. The file is needed only until the daemon has started."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.write_bytes(bytes(LAYOUT.size * len(CALLS)))
        with self.path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @property
    def environment(self):
        return {"LD_PRELOAD": str(LIBRARY), "FAULTS_FILE": str(self.path)}

    def _read(self, call):
        return LAYOUT.unpack_from(self._map, CALLS.index(call) * LAYOUT.size)

    def plan(self, call, action, skip=0, count=1):
        """After `skip` more calls, `count` calls fail with the errno `action`."""
        at = CALLS.index(call) * LAYOUT.size
        struct.pack_into("=i", self._map, at + 4, 0)  # disabled while it is written
        struct.pack_into("=i", self._map, at, skip)
        struct.pack_into("=i", self._map, at + 8, action)
        struct.pack_into("=i", self._map, at + 4, count)

    def clear(self):
        for call in CALLS:
            struct.pack_into("=i", self._map, CALLS.index(call) * LAYOUT.size + 4, 0)

    def hits(self, call):
        return self._read(call)[3]

    def calls(self, call):
        return self._read(call)[4]

    def pending(self, call):
        return self._read(call)[1] != 0
