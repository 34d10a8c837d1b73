# SPDX-License-Identifier: MIT
"""Socket operations for packaging/quickstart.

quickstart-tools.py choose-listen PORT ADDRESS...
    prints three lines: the port to use, which is PORT if it is free; the ADDRESSes that exist on
    this machine, as a TOML array; and an empty line, or why the port or the addresses differ
quickstart-tools.py await-ready PATH
    creates the socket PATH for sd_notify(3) messages, prints "listening", reads a process id from
    standard input and prints READY as soon as READY=1 arrives, or why it did not arrive
quickstart-tools.py target
    reads the output of `echod --stats json` from standard input and prints the first TCP address on
    which this machine can reach the daemon
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


def choose_listen(port, *requested):
    port = int(port)
    addresses = [address for address in requested if can_listen([address], 0)]
    missing = [address for address in requested if address not in addresses]
    notes = [f"this machine has no address {address}" for address in missing]
    if addresses and not can_listen(addresses, port):
        notes.append(f"port {port} is in use, so another one is used")
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
            print("the process exited")
            return
        else:
            print(f"no READY=1 within {READY_TIMEOUT_MS // 1000} s")
            return


def target():
    for listener in json.load(sys.stdin)["listeners"]:
        address, colon, port = listener.split(" ")[0].rpartition(":")
        if colon and port.isdigit() and address[0] not in "/@":
            print({"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(address, address), port, sep=":")
            return
    raise SystemExit("echod has no TCP socket")


# Each with the least number of its arguments.
COMMANDS = {"choose-listen": (choose_listen, 2), "await-ready": (await_ready, 1), "target": (target, 0)}

if __name__ == "__main__":
    command, least = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) - 2 < least:
        sys.exit(__doc__)
    command(*sys.argv[2:])
