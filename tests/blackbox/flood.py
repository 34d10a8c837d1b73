# SPDX-License-Identifier: MIT
"""A flooding client in a separate process: flood.py HOST PORT

Keeps 64 messages in flight without a pause, prints "flooding" after the first echoes, and the
number of echoes at end of file on standard input.
"""

import select
import socket
import struct
import sys

IN_FLIGHT = 64
MESSAGE = struct.pack("!II", 7, 56) + bytes(range(56))


def main():
    client = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(MESSAGE * IN_FLIGHT)
    came_back = 0
    reported = False
    while not select.select([sys.stdin], [], [], 0)[0]:
        # At most half of the messages in flight; the other half keeps the daemon busy.
        piece = client.recv(len(MESSAGE) * IN_FLIGHT // 2)
        if not piece:
            sys.exit("the daemon closed the connection")
        whole = (came_back + len(piece)) // len(MESSAGE) - came_back // len(MESSAGE)
        came_back += len(piece)
        client.sendall(MESSAGE * whole)
        if not reported:
            reported = True
            print("flooding", flush=True)
    print(came_back // len(MESSAGE), flush=True)


main()
