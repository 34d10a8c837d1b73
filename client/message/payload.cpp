// SPDX-License-Identifier: MIT
#include "client/message/payload.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

// The generator is counter-based: a message is a pure function of (seed, connection, sequence).
//
//     stream = mix(mix(seed + G) + (connection + 1) * G)
//     key    = mix(stream + (sequence + 1) * G)
//     type   = the high half of key
//     size   = the size law's answer to the high half of mix(key + G)
//     word i = y ^ (y >> 32)   where y = (x ^ (x >> 32)) * M and x = key + (i + 1) * G
//
// in 64-bit arithmetic modulo 2^64, with G = 2^64 / phi, so that counters spread over the whole
// range, mix() the bijective finaliser of SplitMix64 (Steele, Lea, Flood 2014) and M the first of
// its multipliers. Payload words are little-endian; the last is cut short where the size is no
// multiple of 8. A word costs one multiplication and depends on no other word, so that the
// processor overlaps them, and any part of a message can be made without what lies before it.
//
// This is no cipher and no test of randomness. It has to differ wherever a faulty server could
// mistake one place for another (shifted, swapped, repeated, crossed), and it has to stay as it
// is: a seed printed by one version finds the same bytes in every later one. payload_test.cpp
// holds golden values.
//
// The loops over words work on blocks of a constant size, which every compiler turns into vector
// instructions; one that can also makes a version for processors with AVX-512, the first x86 ones
// that multiply 64-bit words in vectors, and the dynamic linker chooses (gcc(1), target_clones). It
// does so before a sanitizer that instruments the choice is set up.

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&       \
    __GNUC__ >= 12 && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ECHOLOAD_FOR_EACH_PROCESSOR [[gnu::target_clones("arch=x86-64-v4", "default")]]
#else
#define ECHOLOAD_FOR_EACH_PROCESSOR
#endif

namespace echoload {

namespace {

using echod::kHeaderSize;
using echod::kMaxMessage;

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;
constexpr std::uint64_t kMultiplier = 0xbf58476d1ce4e5b9U;
constexpr std::size_t kWord = sizeof(std::uint64_t);
static_assert(kHeaderSize == kWord, "the header takes the place of one word");

// Word i of the payload as it lies in memory, whatever the machine's byte order.
inline std::uint64_t payload_word(std::uint64_t key, std::size_t i) noexcept {
    const std::uint64_t x = key + (i + 1) * kGolden;
    const std::uint64_t y = (x ^ (x >> 32U)) * kMultiplier;
    const std::uint64_t word = y ^ (y >> 32U);
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

constexpr std::size_t kBlock = 8; // words: a vector of AVX-512

// Writes the first `words` words of the payload.
ECHOLOAD_FOR_EACH_PROCESSOR
void write_words(std::uint64_t key, std::size_t words, std::byte* to) noexcept {
    std::size_t i = 0;
    for (; i + kBlock <= words; i += kBlock) {
        std::array<std::uint64_t, kBlock> block;
        for (std::size_t k = 0; k < kBlock; ++k) {
            block[k] = payload_word(key, i + k);
        }
        std::memcpy(to + i * kWord, block.data(), sizeof block);
    }
    for (; i < words; ++i) {
        const std::uint64_t word = payload_word(key, i);
        std::memcpy(to + i * kWord, &word, kWord);
    }
}

// Whether these are the first `words` words of the payload. No branch depends on the bytes.
ECHOLOAD_FOR_EACH_PROCESSOR
bool are_words(std::uint64_t key, std::size_t words, const std::byte* echo) noexcept {
    std::array<std::uint64_t, kBlock> differences{};
    std::size_t i = 0;
    for (; i + kBlock <= words; i += kBlock) {
        std::array<std::uint64_t, kBlock> block;
        std::memcpy(block.data(), echo + i * kWord, sizeof block);
        for (std::size_t k = 0; k < kBlock; ++k) {
            differences[k] |= block[k] ^ payload_word(key, i + k);
        }
    }
    std::uint64_t difference = 0;
    for (; i < words; ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, echo + i * kWord, kWord);
        difference |= word ^ payload_word(key, i);
    }
    for (const std::uint64_t one : differences) {
        difference |= one;
    }
    return difference == 0;
}

// Bytes [from, to) of the message, made word by word into `into` at the same offsets; whole words
// are made, so what is outside the range may change too.
void make_words(const Message& message, std::size_t from, std::size_t to,
                std::array<std::byte, kMaxMessage>& into) noexcept {
    std::size_t at = from / kWord * kWord;
    if (at == 0) {
        echod::encode_header({message.type, message.size}, into.data());
        at = kWord;
    }
    for (; at < to; at += kWord) {
        const std::uint64_t word = payload_word(message.key, at / kWord - 1);
        std::memcpy(into.data() + at, &word, kWord);
    }
}

} // namespace

std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30U)) * kMultiplier;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

Generator::Generator(std::uint64_t seed, SizeLaw sizes)
    : seed_key_(mix(seed + kGolden)), sizes_(std::move(sizes)) {}

std::uint64_t Generator::stream(std::uint64_t connection) const noexcept {
    return mix(seed_key_ + (connection + 1) * kGolden);
}

Message Generator::message(std::uint64_t stream, std::uint64_t sequence) const noexcept {
    Message message;
    message.key = mix(stream + (sequence + 1) * kGolden);
    message.type = static_cast<std::uint32_t>(message.key >> 32U);
    message.size = sizes_.draw(static_cast<std::uint32_t>(mix(message.key + kGolden) >> 32U));
    return message;
}

void write_message(const Message& message, std::byte* to) noexcept {
    echod::encode_header({message.type, message.size}, to);
    to += kHeaderSize;
    const std::size_t words = message.size / kWord;
    write_words(message.key, words, to);
    const std::uint64_t last = payload_word(message.key, words);
    std::memcpy(to + words * kWord, &last, message.size % kWord);
}

void write_part(const Message& message, std::size_t from, std::span<std::byte> to) noexcept {
    if (to.empty()) {
        return; // it may point nowhere, which memcpy() does not allow
    }
    std::array<std::byte, kMaxMessage> whole;
    make_words(message, from, from + to.size(), whole);
    std::memcpy(to.data(), whole.data() + from, to.size());
}

bool matches(const Message& message, std::size_t from, std::span<const std::byte> echo) noexcept {
    if (from != 0 || echo.size() != message.length()) {
        std::array<std::byte, kMaxMessage> whole;
        make_words(message, from, from + echo.size(), whole);
        return std::memcmp(echo.data(), whole.data() + from, echo.size()) == 0;
    }
    // The usual case, a whole message: compared as it is made, with no branch in the loop.
    std::array<std::byte, kHeaderSize> header;
    echod::encode_header({message.type, message.size}, header.data());
    if (std::memcmp(echo.data(), header.data(), kHeaderSize) != 0) {
        return false;
    }
    const std::byte* const payload = echo.data() + kHeaderSize;
    const std::size_t words = message.size / kWord;
    const std::uint64_t last = payload_word(message.key, words);
    return are_words(message.key, words, payload) &&
           std::memcmp(payload + words * kWord, &last, message.size % kWord) == 0;
}

std::size_t equal_prefix(const Message& message, std::size_t from,
                         std::span<const std::byte> echo) noexcept {
    std::array<std::byte, kMaxMessage> whole;
    make_words(message, from, from + echo.size(), whole);
    const auto differ =
        std::mismatch(echo.begin(), echo.end(), whole.begin() + static_cast<std::ptrdiff_t>(from));
    return static_cast<std::size_t>(differ.first - echo.begin());
}

} // namespace echoload
