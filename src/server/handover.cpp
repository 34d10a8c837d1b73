// SPDX-License-Identifier: MIT
//
// The file: magic, version, length of the whole; the configuration; the number of records; the
// records, each led by its length; an FNV-1a checksum of all before it. Numbers are little-endian.
#include "server/handover.hpp"

#include "base/sys_error.hpp"
#include "server/buffer_pool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace echod {

namespace {

constexpr std::uint64_t kMagic = 0x746174736f686365U; // "echostat"
constexpr std::size_t kChecksumSize = 8;
constexpr std::size_t kLargestState = std::size_t{2} * 1024 * 1024 * 1024;

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const std::byte byte : bytes) {
        hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3U;
    }
    return hash;
}

class Writer {
public:
    template <class Number>
    void number(Number value) {
        const auto wide = static_cast<std::uint64_t>(value);
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            out_.push_back(static_cast<std::byte>((wide >> (8 * i)) & 0xffU));
        }
    }
    void duration(Duration value) {
        number<std::uint64_t>(static_cast<std::uint64_t>(value.count()));
    }
    void bytes(std::span<const std::byte> value) {
        number(static_cast<std::uint32_t>(value.size()));
        out_.insert(out_.end(), value.begin(), value.end());
    }
    // Fills in, at `at`, the 32-bit length of all that was written behind it.
    void set_length(std::size_t at) {
        const std::size_t length = out_.size() - at - 4;
        for (std::size_t i = 0; i < 4; ++i) {
            out_[at + i] = static_cast<std::byte>((length >> (8 * i)) & 0xffU);
        }
    }
    [[nodiscard]] std::vector<std::byte>& out() noexcept { return out_; }

private:
    std::vector<std::byte> out_;
};

class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

    std::span<const std::byte> take(std::size_t count) {
        if (count > left_.size()) {
            throw std::runtime_error("it is cut short");
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
        // Beyond this, sums with points in time could overflow.
        constexpr Duration kLongest = std::chrono::hours(24 * 365 * 100);
        const Duration value(number<std::int64_t>());
        if (value < Duration::zero() || value > kLongest) {
            throw std::runtime_error("a duration is none that can be");
        }
        return value;
    }
    std::span<const std::byte> bytes() { return take(number<std::uint32_t>()); }
    [[nodiscard]] std::size_t left() const noexcept { return left_.size(); }

private:
    std::span<const std::byte> left_;
};

void write_connection(Writer& writer, const ParkedConnection& connection) {
    const std::size_t length_at = writer.out().size();
    writer.number(std::uint32_t{0});
    writer.number(connection.messages);
    writer.number(connection.bytes);
    writer.duration(connection.age);
    writer.duration(connection.idle);
    writer.duration(connection.message_age);
    writer.number(connection.owed);
    writer.number(connection.owed_messages);
    writer.number(static_cast<std::uint8_t>(connection.peer_done ? 1 : 0));
    writer.number(static_cast<std::uint8_t>(connection.invalid ? 1 : 0));
    writer.bytes(connection.kept);
    writer.set_length(length_at);
}

ParkedConnection read_connection(Reader record) {
    ParkedConnection connection;
    connection.messages = record.number<std::uint64_t>();
    connection.bytes = record.number<std::uint64_t>();
    connection.age = record.duration();
    connection.idle = record.duration();
    connection.message_age = record.duration();
    connection.owed = record.number<std::uint16_t>();
    connection.owed_messages = record.number<std::uint16_t>();
    connection.peer_done = record.number<std::uint8_t>() != 0;
    connection.invalid = record.number<std::uint8_t>() != 0;
    const auto kept = record.bytes();
    if (kept.size() > kReceiveBuffer || connection.owed > kept.size() ||
        (connection.owed == 0 && connection.owed_messages != 0)) {
        throw std::runtime_error("a connection keeps more than there can be");
    }
    connection.kept.assign(kept.begin(), kept.end());
    return connection; // what a newer version wrote behind this is passed over
}

} // namespace

std::vector<std::byte> encode_state(const ParkedState& state) {
    Writer writer;
    writer.number(kMagic);
    writer.number(kStateVersion);
    writer.bytes(std::as_bytes(std::span(state.config)));
    writer.number(static_cast<std::uint32_t>(state.connections.size()));
    for (const ParkedConnection& connection : state.connections) {
        write_connection(writer, connection);
    }
    writer.number(checksum(writer.out()));
    return std::move(writer.out());
}

ParkedState decode_state(std::span<const std::byte> bytes) {
    if (bytes.size() < kChecksumSize) {
        throw std::runtime_error("it is cut short");
    }
    const auto content = bytes.first(bytes.size() - kChecksumSize);
    Reader reader(content);
    if (reader.number<std::uint64_t>() != kMagic) {
        throw std::runtime_error("it is no state of echod");
    }
    if (Reader(bytes.last(kChecksumSize)).number<std::uint64_t>() != checksum(content)) {
        throw std::runtime_error("its checksum is wrong");
    }
    const auto version = reader.number<std::uint32_t>();
    if (version == 0) {
        throw std::runtime_error("its version is 0");
    }
    ParkedState state;
    const auto config = reader.bytes();
    state.config.assign(reinterpret_cast<const char*>(config.data()), config.size());
    const auto count = reader.number<std::uint32_t>();
    for (std::uint32_t i = 0; i < count; ++i) {
        state.connections.push_back(read_connection(Reader(reader.bytes())));
    }
    if (reader.left() != 0 && version <= kStateVersion) {
        throw std::runtime_error("bytes are left over");
    }
    return state;
}

UniqueFd make_state_file(std::span<const std::byte> bytes) {
    UniqueFd fd(::memfd_create("echod-state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) {
        throw_errno(errno, "memfd_create");
    }
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR) {
            throw_errno(errno, "write to the state file");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
        0) {
        throw_errno(errno, "F_ADD_SEALS");
    }
    return fd;
}

std::vector<std::byte> read_state_file(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        throw std::runtime_error("it is no file");
    }
    if (static_cast<std::size_t>(status.st_size) > kLargestState) {
        throw std::runtime_error("it is too large");
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;
    while (size < bytes.size()) {
        const ssize_t n =
            ::pread(fd, bytes.data() + size, bytes.size() - size, static_cast<off_t>(size));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            throw std::runtime_error(n == 0 ? "it is cut short" : describe_errno(errno));
        }
        size += static_cast<std::size_t>(n);
    }
    return bytes;
}

} // namespace echod
