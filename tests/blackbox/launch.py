# SPDX-License-Identifier: MIT
"""Executes a program with changed limits, descriptors or passed sockets.

launch.py [--nofile N] [--fsize BYTES] [--close FD,FD...] [--sockets FD,FD...] [--env NAME=VALUE]...
    [--refuse FAMILY,FAMILY...] --
    PROGRAM ARG...

--sockets are moved to 3, 4 ... and announced like the service manager does: LISTEN_PID, LISTEN_FDS.
The process id stays the same, so LISTEN_PID is right.
"""

import argparse
import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct


def numbers(text):
    return [int(number) for number in text.split(",")]


def refuse_families(families):
    """Makes socket(2) fail with EAFNOSUPPORT for them, like RestrictAddressFamilies= (seccomp(2))."""
    PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
    RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
    LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    nr_socket = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
    program = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, len(families) + 1, nr_socket), (LOAD, 0, 0, 16)]
    for left, family in zip(range(len(families), 0, -1), families):
        program.append((JUMP_IF_EQUAL, left, 0, family))
    program += [(RETURN, 0, 0, RET_ALLOW), (RETURN, 0, 0, RET_ERRNO | errno.EAFNOSUPPORT)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    prctl = [ctypes.c_ulong(number) for number in (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)]
    assert libc.prctl(*prctl) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0) == 0, ctypes.get_errno()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nofile", type=int)
    parser.add_argument("--fsize", type=int)
    parser.add_argument("--close", type=numbers, default=[])
    parser.add_argument("--sockets", type=numbers, default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--refuse", help="families for which socket(2) fails: AF_INET,AF_INET6")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    if options.sockets:
        # Move them away first, because a target number may be the source of another.
        parked = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in options.sockets]
        for number, fd in enumerate(parked, start=3):
            os.dup2(fd, number, inheritable=True)
        for fd in set(options.sockets) - set(range(3, 3 + len(parked))):
            os.close(fd)
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = str(len(parked))
    for assignment in options.env:
        name, _, value = assignment.partition("=")
        os.environ[name] = value.replace("@PID@", str(os.getpid()))
    for fd in options.close:
        os.close(fd)
    if options.nofile is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (options.nofile, options.nofile))
    if options.fsize is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.fsize, options.fsize))
    if options.refuse:
        refuse_families([getattr(socket, name) for name in options.refuse.split(",")])
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    os.execvp(options.command[0], options.command)


main()
