// SPDX-License-Identifier: MIT
// scan_frames() against the protocol written down a second time, slowly.
#include "bytes.hpp"
#include "wire/frame.hpp"

#include <array>
#include <cstring>
#include <vector>

namespace {

using namespace echod;

// One frame at the front of `bytes`: its length; 0 where it is incomplete, -1 where it is invalid.
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

Scan slow_scan(std::span<const std::byte> bytes, std::uint32_t most) {
    Scan scan;
    while (scan.frames < most) {
        const long frame = first_frame(bytes.subspan(scan.bytes));
        if (frame <= 0) {
            scan.end = frame == 0 ? ScanEnd::incomplete : ScanEnd::invalid;
            return scan;
        }
        scan.bytes += static_cast<std::size_t>(frame);
        ++scan.frames;
    }
    scan.end = ScanEnd::limit;
    return scan;
}

bool same(const Scan& one, const Scan& other) {
    return one.bytes == other.bytes && one.frames == other.frames && one.end == other.end;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Bytes in(data, size);
    const std::uint32_t most = in.byte();
    const std::size_t split = in.pair();
    const auto rest = std::as_bytes(in.take(size));
    // A copy of just that size, so that a read beyond it is seen.
    const std::vector<std::byte> bytes(rest.begin(), rest.end());

    const Scan all = scan_frames(bytes, most);
    fuzz::require(same(all, slow_scan(bytes, most)), "the scan is the protocol's");

    // However a stream is split, the frames are the same: scanned up to the split, then on from the
    // last boundary before it.
    const std::span<const std::byte> whole(bytes);
    const Scan front = scan_frames(whole.first(split < whole.size() ? split : whole.size()), most);
    fuzz::require(front.bytes <= all.bytes && front.frames <= all.frames, "a part has no more");
    const Scan back = scan_frames(whole.subspan(front.bytes), most - front.frames);
    fuzz::require(front.bytes + back.bytes == all.bytes && back.end == all.end &&
                      front.frames + back.frames == all.frames,
                  "a split changes nothing");

    if (bytes.size() >= kHeaderSize) {
        const Header header = decode_header(bytes.data());
        std::array<std::byte, kHeaderSize> again{};
        encode_header(header, again.data());
        fuzz::require(std::memcmp(again.data(), bytes.data(), kHeaderSize) == 0,
                      "a header that was read is written as it was");
    }
    return 0;
}
