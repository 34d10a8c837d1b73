# SPDX-License-Identifier: MIT
"""Idle clients in a separate process: idle_clients.py HOST PORT COUNT

Opens COUNT connections, exchanges one message on each, prints "up" and keeps them open until end of
file on standard input. Then prints the number of connections that the daemon has closed.
"""

import resource
import select
import socket
import struct
import sys


def main():
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = []
    for number in range(count):
        client = socket.create_connection((host, port), timeout=20)
        # Close with a reset, to leave no TIME_WAIT.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(struct.pack("!II", number, 0))
        clients.append(client)
    for number, client in enumerate(clients):
        if client.recv(9) != struct.pack("!II", number, 0):
            sys.exit(f"connection {number} got no echo")
    print("up", flush=True)
    sys.stdin.read()
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    print(len(poll.poll(0)), flush=True)


main()
