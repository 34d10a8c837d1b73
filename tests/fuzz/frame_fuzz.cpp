// SPDX-License-Identifier: MIT
// scan_frames() against a second, simple implementation of the protocol.
#include "bytes.hpp"
#include "wire/frame.hpp"

#include <array>
#include <cstring>
#include <vector>

namespace {

using namespace echod;

// The length of the first frame of `bytes`; 0 if it is incomplete, -1 if it is invalid.
long first_frame(std::span<const std::byte> bytes) {
    if (bytes.size() < 8) {
        return 0;
    }
    unsigned long size = 0;
    for (int i = 4; i < 8; ++i) {
        size = size * 256 + std::to_integer<unsigned long>(bytes[static_cast<std::size_t>(i)]);
    }
    if (size > 1016) {
        return -1;
    }
    return bytes.size() >= 8 + size ? static_cast<long>(8 + size) : 0;
}

Scan slow_scan(std::span<const std::byte> bytes) {
    Scan scan;
    for (;;) {
        const long frame = first_frame(bytes.subspan(scan.bytes));
        if (frame <= 0) {
            scan.end = frame == 0 ? ScanEnd::incomplete : ScanEnd::invalid;
            return scan;
        }
        scan.bytes += static_cast<std::size_t>(frame);
        ++scan.frames;
    }
}

bool same(const Scan& one, const Scan& other) {
    return one.bytes == other.bytes && one.frames == other.frames && one.end == other.end;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Bytes in(data, size);
    const std::size_t split = in.pair();
    const auto rest = std::as_bytes(in.take(size));
    // A copy of exactly that size, so that a read beyond it is detected.
    const std::vector<std::byte> bytes(rest.begin(), rest.end());

    const Scan all = scan_frames(bytes);
    fuzz::require(same(all, slow_scan(bytes)), "both scans are equal");

    // A split does not change the frames: scans up to the split, then from the
    // last boundary before it.
    const std::span<const std::byte> whole(bytes);
    const Scan front = scan_frames(whole.first(split < whole.size() ? split : whole.size()));
    fuzz::require(front.bytes <= all.bytes && front.frames <= all.frames,
                  "a part has no more frames");
    const Scan back = scan_frames(whole.subspan(front.bytes));
    fuzz::require(front.bytes + back.bytes == all.bytes && back.end == all.end &&
                      front.frames + back.frames == all.frames,
                  "a split changes nothing");

    if (bytes.size() >= kHeaderSize) {
        const Header header = decode_header(bytes.data());
        std::array<std::byte, kHeaderSize> again{};
        encode_header(header, again.data());
        fuzz::require(std::memcmp(again.data(), bytes.data(), kHeaderSize) == 0,
                      "a header is written as it was read");
    }
    return 0;
}
