// SPDX-License-Identifier: MIT
#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

using namespace echod;

namespace {

std::vector<std::byte> frame(std::uint32_t type, std::size_t payload) {
    std::vector<std::byte> bytes(kHeaderSize + payload, std::byte{0x5a});
    encode_header({type, static_cast<std::uint32_t>(payload)}, bytes.data());
    return bytes;
}

void append(std::vector<std::byte>& stream, const std::vector<std::byte>& bytes) {
    stream.insert(stream.end(), bytes.begin(), bytes.end());
}

} // namespace

TEST(Frame, TheHeaderIsInNetworkByteOrder) {
    std::byte bytes[kHeaderSize];
    encode_header({0x01020304, 0x000003f8}, bytes);
    const std::uint8_t expected[] = {1, 2, 3, 4, 0, 0, 3, 0xf8};
    EXPECT_EQ(std::memcmp(bytes, expected, sizeof expected), 0);
    EXPECT_EQ(decode_header(bytes).type, 0x01020304U);
    EXPECT_EQ(decode_header(bytes).size, 1016U);
}

TEST(Frame, EveryPrefixOfAStreamGivesItsWholeFrames) {
    std::vector<std::byte> stream;
    std::vector<std::size_t> ends = {0};
    for (const std::size_t payload : {std::size_t{0}, std::size_t{1}, std::size_t{7},
                                      std::size_t{8}, std::size_t{1015}, kMaxPayload}) {
        append(stream, frame(7, payload));
        ends.push_back(stream.size());
    }
    std::size_t whole = 0;
    for (std::size_t length = 0; length <= stream.size(); ++length) {
        while (whole + 1 < ends.size() && ends[whole + 1] <= length) {
            ++whole;
        }
        const Scan scan = scan_frames(std::span(stream).first(length));
        ASSERT_EQ(scan.bytes, ends[whole]) << length;
        ASSERT_EQ(scan.frames, whole) << length;
        ASSERT_EQ(scan.end, ScanEnd::incomplete) << length;
    }
}

TEST(Frame, ASizeAboveTheMaximumEndsTheRunBeforeIt) {
    for (const std::uint32_t size : {1017U, 0x10000U, 0x7fffffffU, 0xffffffffU}) {
        std::vector<std::byte> stream = frame(1, 5);
        std::vector<std::byte> bad(kHeaderSize);
        encode_header({1, size}, bad.data());
        append(stream, bad);
        const Scan scan = scan_frames(stream);
        EXPECT_EQ(scan.end, ScanEnd::invalid);
        EXPECT_EQ(scan.bytes, 13U);
        EXPECT_EQ(scan.frames, 1U);
    }
}

TEST(Frame, RandomStreamsInRandomPiecesGiveBackEveryFrame) {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::byte> stream;
        const auto frames = static_cast<std::uint32_t>(1 + random() % 40);
        for (std::uint32_t i = 0; i < frames; ++i) {
            append(stream,
                   frame(static_cast<std::uint32_t>(random()), random() % (kMaxPayload + 1)));
        }
        std::size_t served = 0;
        std::size_t received = 0;
        std::uint32_t found = 0;
        while (received < stream.size()) {
            received = std::min(stream.size(), received + 1 + random() % 3000);
            const Scan scan = scan_frames(std::span(stream).subspan(served, received - served));
            served += scan.bytes;
            found += scan.frames;
            ASSERT_EQ(scan.end, ScanEnd::incomplete);
        }
        EXPECT_EQ(served, stream.size());
        EXPECT_EQ(found, frames);
    }
}
