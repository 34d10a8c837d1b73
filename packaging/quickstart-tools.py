# SPDX-License-Identifier: MIT
"""What packaging/quickstart needs of sockets.

quickstart-tools.py choose-listen PORT ADDRESS...
    prints three lines: the port to take, which is PORT where that is free; those of the addresses
    that this machine has, as a TOML array; and why either differs from what was asked, or nothing
quickstart-tools.py await-ready PATH
    makes PATH a socket for sd_notify(3) messages, prints "listening", reads a process id from
    standard input and prints READY as soon as that process has said READY=1, or why it will not
"""

import json
import os
import select
import socket
import sys

READY_TIMEOUT_MS = 30_000


def listen(address, port):
    """A listening socket, bound as echod binds its own. Raises OSError."""
    is_v6 = ":" in address
    listener = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_v6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener


def can_listen(addresses, port):
    listeners = []
    try:
        for address in addresses:
            listeners.append(listen(address, port))
        return True
    except OSError:
        return False
    finally:
        for listener in listeners:
            listener.close()


def any_free_port(addresses):
    for _ in range(100):
        with listen(addresses[0], 0) as listener:
            port = listener.getsockname()[1]
        if can_listen(addresses, port):
            return port
    raise SystemExit("no port is free on all of " + " ".join(addresses))


def choose_listen(port, *asked):
    port = int(port)
    addresses = [address for address in asked if can_listen([address], 0)]
    notes = [f"this machine has no {address}" for address in asked if address not in addresses]
    if addresses and not can_listen(addresses, port):
        notes.append(f"port {port} is taken, so another one is used")
        port = any_free_port(addresses)
    print(port, json.dumps(addresses) if addresses else "", "; ".join(notes), sep="\n")


def await_ready(path):
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    print("listening", flush=True)
    process = os.pidfd_open(int(sys.stdin.readline()))
    poll = select.poll()
    poll.register(receiver, select.POLLIN)
    poll.register(process, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll(READY_TIMEOUT_MS)}
        if receiver.fileno() in ready:
            if b"READY=1" in receiver.recv(65536).split(b"\n"):
                print("READY")
                return
        elif process in ready:
            print("it ended")
            return
        else:
            print(f"it said nothing for {READY_TIMEOUT_MS // 1000} s")
            return


COMMANDS = {"choose-listen": choose_listen, "await-ready": await_ready}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
