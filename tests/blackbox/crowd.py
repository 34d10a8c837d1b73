# SPDX-License-Identifier: MIT
"""Many idle clients in a process of their own: crowd.py HOST PORT COUNT

Opens COUNT connections, has one message echoed over each, prints "up" and holds them until standard
input ends. Then prints how many the daemon had closed meanwhile.
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
        # No TIME_WAIT of thousands is left behind: they end with a reset.
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
