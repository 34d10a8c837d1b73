// SPDX-License-Identifier: MIT
#include "client/message/payload.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

using namespace echoload;

namespace {

std::vector<std::byte> bytes_of(const Message& message) {
    std::vector<std::byte> bytes(message.length());
    write_message(message, bytes.data());
    return bytes;
}

// CRC-32 as in zlib: the library of any language can compute a golden value.
std::uint32_t crc32(const std::vector<std::byte>& bytes) {
    std::uint32_t crc = 0xffffffffU;
    for (const std::byte byte : bytes) {
        crc ^= static_cast<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
        }
    }
    return ~crc;
}

Message message_at(std::uint64_t seed, std::uint64_t connection, std::uint64_t sequence) {
    const Generator generator(seed, SizeLaw());
    return generator.message(generator.stream(connection), sequence);
}

} // namespace

TEST(Payload, ASeedGivesTheSameBytesInEveryVersion) {
    // Computed by a second implementation of the formula in payload.cpp, in Python.
    struct Golden {
        std::uint64_t seed;
        std::uint64_t connection;
        std::uint64_t sequence;
        std::uint32_t size;
        std::uint32_t type;
        std::uint32_t crc;
    };
    const Golden goldens[] = {
        {0, 0, 0, 131, 0x238275bc, 0x71f14118},
        {1, 0, 0, 899, 0xb18a02f4, 0x5aeab1d0},
        {1, 0, 1, 274, 0xf8c5b62c, 0x050b8b2e},
        {1, 1, 0, 752, 0x9edbe9bd, 0x0018d820},
        {42, 7, 1'000'000, 506, 0x901c12e1, 0xfee82ad6},
        {9'007'199'254'740'991, 4'294'967'295, 1'099'511'627'776, 364, 0x4427ebe6, 0x782a7f09},
    };
    for (const Golden& golden : goldens) {
        const Message message = message_at(golden.seed, golden.connection, golden.sequence);
        EXPECT_EQ(message.size, golden.size);
        EXPECT_EQ(message.type, golden.type);
        EXPECT_EQ(crc32(bytes_of(message)), golden.crc);
    }
}

TEST(Payload, TheBytesOnTheWireAreHeaderThenPayload) {
    const Generator generator(1, SizeLaw::parse("fixed:20"));
    const auto bytes = bytes_of(generator.message(generator.stream(0), 0));
    const std::uint8_t expected[] = {0xb1, 0x8a, 0x02, 0xf4, 0x00, 0x00, 0x00, 0x14, 0x36, 0xc8,
                                     0x44, 0x11, 0xbb, 0xc3, 0xfb, 0x06, 0xf2, 0x83, 0xea, 0x3a,
                                     0x48, 0x9e, 0x12, 0x3f, 0x6c, 0x29, 0xb8, 0xf6};
    ASSERT_EQ(bytes.size(), sizeof expected);
    EXPECT_EQ(std::memcmp(bytes.data(), expected, sizeof expected), 0);
}

TEST(Payload, EverySizeHasTheWordsOfTheLargest) {
    // Whole messages are made and compared in blocks of words, parts word by word.
    Message message = message_at(3, 4, 5);
    message.size = echod::kMaxPayload;
    std::vector<std::byte> largest(message.length());
    write_part(message, 0, largest);
    for (message.size = 0; message.size <= echod::kMaxPayload; ++message.size) {
        std::vector<std::byte> whole(message.length());
        write_message(message, whole.data());
        ASSERT_TRUE(std::equal(whole.begin() + 8, whole.end(), largest.begin() + 8))
            << message.size;
        ASSERT_TRUE(matches(message, 0, whole)) << message.size;
        for (std::size_t at = 8; at < whole.size(); at += 7) {
            whole[at] ^= std::byte{1};
            ASSERT_FALSE(matches(message, 0, whole)) << message.size << " at " << at;
            whole[at] ^= std::byte{1};
        }
    }
}

TEST(Payload, APartOfAMessageEqualsThatPartOfTheWhole) {
    for (const std::uint64_t sequence : {0U, 1U, 2U, 3U}) {
        const Message message = message_at(3, 4, sequence);
        const auto whole = bytes_of(message);
        for (std::size_t from = 0; from < whole.size(); from += 13) {
            for (std::size_t size = 1; from + size <= whole.size(); size += 37) {
                std::vector<std::byte> part(size);
                write_part(message, from, part);
                const std::vector<std::byte> expected(
                    whole.begin() + static_cast<std::ptrdiff_t>(from),
                    whole.begin() + static_cast<std::ptrdiff_t>(from + size));
                ASSERT_EQ(part, expected) << from << " " << size;
                ASSERT_TRUE(matches(message, from, part));
                ASSERT_EQ(equal_prefix(message, from, part), size);
            }
        }
    }
}

TEST(Payload, AFlippedBitIsFoundAtItsByte) {
    for (const std::uint32_t size : {0U, 1U, 7U, 8U, 9U, 63U, 64U, 65U, 1016U}) {
        const Generator generator(9, SizeLaw::parse("fixed:" + std::to_string(size)));
        const Message message = generator.message(generator.stream(1), 5);
        auto bytes = bytes_of(message);
        ASSERT_TRUE(matches(message, 0, bytes));
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            for (unsigned bit = 0; bit < 8; ++bit) {
                bytes[at] ^= static_cast<std::byte>(1U << bit);
                ASSERT_FALSE(matches(message, 0, bytes)) << size << " " << at;
                ASSERT_EQ(equal_prefix(message, 0, bytes), at);
                bytes[at] ^= static_cast<std::byte>(1U << bit);
            }
        }
    }
}

TEST(Payload, NoTwoMessagesOfARunAreTheSame) {
    const Generator generator(11, SizeLaw::parse("fixed:0")); // only the types differ
    std::set<std::uint64_t> keys;
    for (std::uint64_t connection = 0; connection < 100; ++connection) {
        for (std::uint64_t sequence = 0; sequence < 1000; ++sequence) {
            keys.insert(generator.message(generator.stream(connection), sequence).key);
        }
    }
    EXPECT_EQ(keys.size(), 100'000U);
}

TEST(Payload, BytesAreEvenlySpread) {
    const Generator generator(5, SizeLaw::parse("fixed:1016"));
    std::array<double, 256> counts{};
    for (std::uint64_t sequence = 0; sequence < 2000; ++sequence) {
        const auto bytes = bytes_of(generator.message(generator.stream(3), sequence));
        for (std::size_t at = echod::kHeaderSize; at < bytes.size(); ++at) {
            ++counts[static_cast<std::size_t>(bytes[at])];
        }
    }
    const double expected = 2000.0 * 1016 / 256;
    double chi_squared = 0;
    for (const double count : counts) {
        chi_squared += (count - expected) * (count - expected) / expected;
    }
    // 255 degrees of freedom: one seed of a million is beyond these bounds, and the seed is fixed.
    EXPECT_LT(chi_squared, 375);
    EXPECT_GT(chi_squared, 160);
}
