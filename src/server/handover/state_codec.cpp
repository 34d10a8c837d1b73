// SPDX-License-Identifier: MIT
//
// Layout: magic; version; length and text of the configuration; number of records; each record with
// its length in front; checksum of everything before it. Numbers are little-endian.
//
// The state can be large (10,000 peers that do not read: 320 MB) and its content is in memory
// already. Therefore it is written through a bounded buffer and read through mmap(2), and the
// checksum takes eight bytes at a time. The checksum detects accidents: no other user can write the
// file.
#include "server/handover/state_codec.hpp"

#include "base/sys_error.hpp"
#include "server/clients/buffer_pool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace echod {

namespace {

constexpr std::uint64_t kMagic = 0x746174736f686365U; // "echostat"
constexpr std::size_t kChecksumSize = 8;
constexpr std::uint32_t kOldestVersion = 2;

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) noexcept {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 32);
}

// Takes eight bytes at a time and pads the end with zeros. Consecutive pieces are chained through
// `hash`; all but the last are a multiple of eight long.
std::uint64_t checksum_of_words(std::uint64_t hash, std::span<const std::byte> bytes) noexcept {
    while (!bytes.empty()) {
        std::uint64_t word = 0;
        const std::size_t count = std::min(bytes.size(), sizeof word);
        std::memcpy(&word, bytes.data(), count);
        hash = mix(hash, word);
        bytes = bytes.subspan(count);
    }
    return hash;
}

// A few fields, encoded before they are written.
class Fields {
public:
    template <class Number>
    void number(Number value) {
        const auto wide = static_cast<std::uint64_t>(value);
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            out_.push_back(static_cast<std::byte>((wide >> (8 * i)) & 0xffU));
        }
    }
    void source(const ProxySource& value) {
        number(static_cast<std::uint8_t>(value.named ? 1 : 0));
        out_.insert(out_.end(), value.address.begin(), value.address.end());
        number(value.port);
    }
    void duration(Duration value) { number(static_cast<std::uint64_t>(value.count())); }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return out_; }

private:
    std::vector<std::byte> out_;
};

// Writes through a bounded buffer and keeps the checksum.
class StateWriter {
public:
    explicit StateWriter(int fd) : fd_(fd), buffer_(kBuffer) {}

    void put(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const std::size_t count = std::min(bytes.size(), buffer_.size() - used_);
            std::memcpy(buffer_.data() + used_, bytes.data(), count);
            used_ += count;
            bytes = bytes.subspan(count);
            if (used_ == buffer_.size()) {
                flush();
            }
        }
    }
    void put_sized(std::span<const std::byte> bytes) {
        Fields size;
        size.number(static_cast<std::uint32_t>(bytes.size()));
        put(size.bytes());
        put(bytes);
    }
    void finish() {
        flush();
        Fields checksum;
        checksum.number(mix(hash_, size_));
        put(checksum.bytes());
        flush();
    }

private:
    static constexpr std::size_t kBuffer = std::size_t{64} * 1024; // a multiple of eight

    void flush() {
        std::span<const std::byte> left = std::span(buffer_).first(used_);
        hash_ = checksum_of_words(hash_, left);
        size_ += used_;
        used_ = 0;
        while (!left.empty()) {
            const ssize_t n = ::write(fd_, left.data(), left.size());
            if (n < 0 && errno != EINTR) {
                throw_errno(errno, "write to the state file");
            }
            left = left.subspan(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        }
    }

    int fd_;
    std::vector<std::byte> buffer_;
    std::size_t used_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t hash_ = kMagic;
};

// Takes fields from the front of `bytes`. Throws std::runtime_error at their end.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

    std::span<const std::byte> take(std::size_t count) {
        if (count > left_.size()) {
            throw std::runtime_error("the state is truncated");
        }
        const auto taken = left_.first(count);
        left_ = left_.subspan(count);
        return taken;
    }
    template <class Number>
    Number number() {
        std::uint64_t value = 0;
        const auto bytes = take(sizeof(Number));
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            value |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
        }
        return static_cast<Number>(value);
    }
    Duration duration() {
        // A longer one could overflow when it is added to a point in time.
        constexpr Duration kLongest = std::chrono::hours(24 * 365 * 100);
        const Duration value(number<std::int64_t>());
        if (value < Duration::zero() || value > kLongest) {
            throw std::runtime_error("a duration is out of range");
        }
        return value;
    }
    ProxySource source() {
        ProxySource value;
        value.named = number<std::uint8_t>() != 0;
        const auto address = take(value.address.size());
        std::copy(address.begin(), address.end(), value.address.begin());
        value.port = number<std::uint16_t>();
        return value.named ? value : ProxySource{};
    }
    std::span<const std::byte> bytes() { return take(number<std::uint32_t>()); }
    [[nodiscard]] std::size_t left() const noexcept { return left_.size(); }

private:
    std::span<const std::byte> left_;
};

void write_connection(StateWriter& writer, const ParkedConnection& connection) {
    Fields front;
    front.number(connection.messages);
    front.number(connection.bytes);
    front.duration(connection.age);
    front.duration(connection.idle);
    front.duration(connection.message_age);
    front.number(connection.pending_out);
    front.number(connection.pending_messages);
    front.number(static_cast<std::uint8_t>(connection.peer_done ? 1 : 0));
    front.number(static_cast<std::uint8_t>(connection.invalid ? 1 : 0));
    front.number(static_cast<std::uint32_t>(connection.buffered.size()));
    Fields back;
    back.number(connection.cookie);
    back.duration(connection.write_age);
    back.number(connection.stalled_samples);
    back.number(connection.send_queue);
    back.number(static_cast<std::uint8_t>(connection.proxy_expected ? 1 : 0));
    back.source(connection.source);
    Fields length;
    length.number(static_cast<std::uint32_t>(front.bytes().size() + connection.buffered.size() +
                                             back.bytes().size()));
    writer.put(length.bytes());
    writer.put(front.bytes());
    writer.put(connection.buffered);
    writer.put(back.bytes());
}

ParkedConnection read_connection(Reader record) {
    ParkedConnection connection;
    connection.messages = record.number<std::uint64_t>();
    connection.bytes = record.number<std::uint64_t>();
    connection.age = record.duration();
    connection.idle = record.duration();
    connection.message_age = record.duration();
    connection.pending_out = record.number<std::uint16_t>();
    connection.pending_messages = record.number<std::uint16_t>();
    connection.peer_done = record.number<std::uint8_t>() != 0;
    connection.invalid = record.number<std::uint8_t>() != 0;
    connection.buffered = record.bytes();
    if (connection.buffered.size() > kReceiveBuffer ||
        connection.pending_out > connection.buffered.size() ||
        (connection.pending_out == 0 && connection.pending_messages != 0)) {
        throw std::runtime_error("the buffered bytes of a connection are inconsistent");
    }
    connection.cookie = record.number<std::uint64_t>();
    connection.write_age = record.duration();
    connection.stalled_samples = record.number<std::uint8_t>();
    connection.send_queue = record.number<std::uint32_t>();
    if (connection.stalled_samples >= ParkedConnection::kWriteSamples) {
        throw std::runtime_error("the stalled samples of a connection are out of range");
    }
    if (record.left() == 0) {
        return connection; // of version 2
    }
    connection.proxy_expected = record.number<std::uint8_t>() != 0;
    connection.source = record.source();
    if (connection.proxy_expected && (connection.pending_out != 0 || connection.source.named ||
                                      connection.buffered.size() >= kMaxProxyHeader)) {
        throw std::runtime_error("the PROXY header of a connection is inconsistent");
    }
    return connection; // fields that a newer version appended are skipped
}

} // namespace

std::uint64_t state_checksum(std::span<const std::byte> content) noexcept {
    return mix(checksum_of_words(kMagic, content), content.size());
}

void write_state(int fd, std::string_view config, std::span<const ParkedConnection> connections) {
    StateWriter writer(fd);
    Fields header;
    header.number(kMagic);
    header.number(kStateVersion);
    writer.put(header.bytes());
    writer.put_sized(std::as_bytes(std::span(config)));
    Fields count;
    count.number(static_cast<std::uint32_t>(connections.size()));
    writer.put(count.bytes());
    for (const ParkedConnection& connection : connections) {
        write_connection(writer, connection);
    }
    writer.finish();
}

ParkedState decode_state(std::span<const std::byte> bytes) {
    if (bytes.size() < kChecksumSize) {
        throw std::runtime_error("the state is truncated");
    }
    const auto content = bytes.first(bytes.size() - kChecksumSize);
    Reader reader(content);
    if (reader.number<std::uint64_t>() != kMagic) {
        throw std::runtime_error("this is not a state of echod");
    }
    // The version comes first: a checksum of another version may be computed differently.
    const auto version = reader.number<std::uint32_t>();
    if (version < kOldestVersion) {
        throw std::runtime_error(fmt::format("its version is {}; versions from {} on can be read",
                                             version, kOldestVersion));
    }
    if (Reader(bytes.last(kChecksumSize)).number<std::uint64_t>() != state_checksum(content)) {
        throw std::runtime_error("the checksum is wrong");
    }
    ParkedState state;
    const auto config = reader.bytes();
    state.config.assign(reinterpret_cast<const char*>(config.data()), config.size());
    const auto count = reader.number<std::uint32_t>();
    for (std::uint32_t i = 0; i < count; ++i) {
        state.connections.push_back(read_connection(Reader(reader.bytes())));
    }
    if (reader.left() != 0 && version <= kStateVersion) {
        throw std::runtime_error("there are bytes behind the last record");
    }
    return state;
}

} // namespace echod
