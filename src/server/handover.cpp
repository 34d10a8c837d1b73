// SPDX-License-Identifier: MIT
//
// The file: magic, version; the configuration, led by its length; the number of records; the
// records, each led by its length; a checksum of all before it. Numbers are little-endian.
//
// It may be large (10,000 peers that do not read: 320 MB), and what it holds is in memory already.
// So it is written through a bounded buffer and read where the kernel has it (mmap(2)), and the
// checksum takes eight bytes at a time; it is against accidents, nobody else can write the file.
#include "server/handover.hpp"

#include "base/sys_error.hpp"
#include "server/buffer_pool.hpp"
#include "server/connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#ifndef MFD_NOEXEC_SEAL // memfd_create(2): since Linux 6.3
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace echod {

namespace {

constexpr std::uint64_t kMagic = 0x746174736f686365U; // "echostat"
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kChecksumSize = 8;

// FNV-1a, of version 1.
std::uint64_t checksum_of_bytes(std::span<const std::byte> bytes) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const std::byte byte : bytes) {
        hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3U;
    }
    return hash;
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) noexcept {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 32);
}

// Of eight bytes at a time, what is missing at the end being zero; from a piece to the next one
// goes on with the result, where all but the last are a multiple of eight long.
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

// A few fields, gathered before they are written.
class Fields {
public:
    template <class Number>
    void number(Number value) {
        const auto wide = static_cast<std::uint64_t>(value);
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            out_.push_back(static_cast<std::byte>((wide >> (8 * i)) & 0xffU));
        }
    }
    void duration(Duration value) { number(static_cast<std::uint64_t>(value.count())); }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return out_; }

private:
    std::vector<std::byte> out_;
};

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

void write_connection(StateWriter& writer, const ParkedConnection& connection) {
    Fields front;
    front.number(connection.messages);
    front.number(connection.bytes);
    front.duration(connection.age);
    front.duration(connection.idle);
    front.duration(connection.message_age);
    front.number(connection.owed);
    front.number(connection.owed_messages);
    front.number(static_cast<std::uint8_t>(connection.peer_done ? 1 : 0));
    front.number(static_cast<std::uint8_t>(connection.invalid ? 1 : 0));
    front.number(static_cast<std::uint32_t>(connection.kept.size()));
    Fields back;
    back.number(connection.cookie);
    back.duration(connection.write_age);
    back.number(connection.stuck_looks);
    back.number(connection.unread);
    Fields length;
    length.number(static_cast<std::uint32_t>(front.bytes().size() + connection.kept.size() +
                                             back.bytes().size()));
    writer.put(length.bytes());
    writer.put(front.bytes());
    writer.put(connection.kept);
    writer.put(back.bytes());
}

ParkedConnection read_connection(Reader record, std::uint32_t version) {
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
    connection.kept = record.bytes();
    if (connection.kept.size() > kReceiveBuffer || connection.owed > connection.kept.size() ||
        (connection.owed == 0 && connection.owed_messages != 0)) {
        throw std::runtime_error("a connection keeps more than there can be");
    }
    if (version >= 2) {
        connection.cookie = record.number<std::uint64_t>();
        connection.write_age = record.duration();
        connection.stuck_looks = record.number<std::uint8_t>();
        connection.unread = record.number<std::uint32_t>();
        if (connection.stuck_looks >= Connection::kWriteLooks) {
            throw std::runtime_error("a connection is stuck for longer than it can be");
        }
    }
    return connection; // what a newer version wrote behind this is passed over
}

UniqueFd memory_file() {
    constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    UniqueFd fd(::memfd_create("echod-state", kFlags | MFD_NOEXEC_SEAL));
    if (!fd && errno == EINVAL) {
        fd.reset(::memfd_create("echod-state", kFlags)); // a kernel that does not know the flag
    }
    if (!fd) {
        throw_errno(errno, "memfd_create");
    }
    return fd;
}

} // namespace

bool ParkedConnection::operator==(const ParkedConnection& other) const noexcept {
    return messages == other.messages && bytes == other.bytes && age == other.age &&
           idle == other.idle && message_age == other.message_age && owed == other.owed &&
           owed_messages == other.owed_messages && peer_done == other.peer_done &&
           invalid == other.invalid && cookie == other.cookie && write_age == other.write_age &&
           stuck_looks == other.stuck_looks && unread == other.unread &&
           std::equal(kept.begin(), kept.end(), other.kept.begin(), other.kept.end());
}

std::uint64_t state_checksum(std::span<const std::byte> content) noexcept {
    std::uint32_t version = 0;
    if (content.size() >= kVersionAt + sizeof version) {
        for (std::size_t i = 0; i < sizeof version; ++i) {
            version |= static_cast<std::uint32_t>(content[kVersionAt + i]) << (8 * i);
        }
    }
    return version <= 1 ? checksum_of_bytes(content)
                        : mix(checksum_of_words(kMagic, content), content.size());
}

UniqueFd make_state_file(std::string_view config, std::span<const ParkedConnection> connections) {
    UniqueFd fd = memory_file();
    StateWriter writer(fd.get());
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
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
        0) {
        throw_errno(errno, "F_ADD_SEALS");
    }
    return fd;
}

StateFile::StateFile(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        throw std::runtime_error("it is no file");
    }
    // Nobody may cut it while it is looked at: that would be a SIGBUS.
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        throw std::runtime_error("it is not sealed");
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) {
        throw std::runtime_error("it is empty");
    }
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) { // NOLINT: a macro of the system's
        throw std::runtime_error(describe_errno(errno));
    }
    bytes_ = {static_cast<const std::byte*>(at), size};
}

StateFile::~StateFile() {
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); // NOLINT: its interface
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
    if (Reader(bytes.last(kChecksumSize)).number<std::uint64_t>() != state_checksum(content)) {
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
        state.connections.push_back(read_connection(Reader(reader.bytes()), version));
    }
    if (reader.left() != 0 && version <= kStateVersion) {
        throw std::runtime_error("bytes are left over");
    }
    return state;
}

} // namespace echod
