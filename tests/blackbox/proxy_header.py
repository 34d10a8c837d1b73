# SPDX-License-Identifier: MIT
"""Headers of the PROXY protocol, as HAProxy's doc/proxy-protocol.txt describes them."""

import socket
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FAMILIES = {socket.AF_INET: 0x11, socket.AF_INET6: 0x21}
CRC32C_TYPE = 0x03


def v1(source, port=4711):
    """A header of version 1 that names `source`."""
    protocol, destination = ("TCP6", "2001:db8::ff") if ":" in source else ("TCP4", "203.0.113.1")
    return f"PROXY {protocol} {source} {destination} {port} 8007\r\n".encode()


def v1_unknown():
    return b"PROXY UNKNOWN\r\n"


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def v2_raw(command, family, rest):
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def v2(source, port=4711, tlvs=b""):
    """A header of version 2 that names `source`."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    destination = "2001:db8::ff" if family == socket.AF_INET6 else "203.0.113.1"
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    return v2_raw(0x21, FAMILIES[family], addresses + struct.pack("!HH", port, 8007) + tlvs)


def v2_local():
    return v2_raw(0x20, 0x00, b"")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_checksum(source):
    """A header of version 2 with a CRC32c behind another TLV."""
    header = v2(source, tlvs=tlv(0x04, b"padding") + tlv(CRC32C_TYPE, bytes(4)))
    return header[:-4] + struct.pack("!I", crc32c(header))
