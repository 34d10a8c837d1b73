# SPDX-License-Identifier: MIT
"""Replaces itself by a program whose limits, descriptors or sockets are not the usual ones.

launch.py [--nofile N] [--close FD,FD...] [--sockets FD,FD...] [--env NAME=VALUE]... -- PROGRAM ARG...

--sockets are moved to 3, 4 ... and announced as the service manager does: LISTEN_PID, LISTEN_FDS.
The process keeps its id, so LISTEN_PID is right.
"""

import argparse
import fcntl
import os
import resource


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nofile", type=int)
    parser.add_argument("--close", type=numbers, default=[])
    parser.add_argument("--sockets", type=numbers, default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    if options.sockets:
        # Out of the way first: a target number may be another one's source.
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
    os.execvp(options.command[0], options.command)


main()
