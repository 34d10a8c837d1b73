// SPDX-License-Identifier: MIT
#include "server/log/journal_sink.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <new>

namespace echod {

namespace {

// Writes NAME=value\n, or for a value with a newline: NAME\n, its length as a 64-bit little-endian
// number, value\n.
void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    if (value.find('\n') == std::string_view::npos) {
        out += '=';
    } else {
        out += '\n';
        for (unsigned byte = 0; byte < 8; ++byte) {
            out += static_cast<char>((value.size() >> (8U * byte)) & 0xffU);
        }
    }
    out += value;
    out += '\n';
}

sockaddr_un journal_address() noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    JournalSink::kSocket.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

} // namespace

JournalSink::JournalSink() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

bool JournalSink::is_reachable() const noexcept {
    const sockaddr_un address = journal_address();
    const UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return fd_ && probe &&
           ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool JournalSink::write_line(const spdlog::details::log_msg& message) noexcept {
    try {
        datagram_.clear();
        append_field(datagram_, "MESSAGE", view(message.payload));
        append_field(datagram_, "PRIORITY", std::to_string(priority_of(message.level)));
        append_field(datagram_, "SYSLOG_IDENTIFIER", kIdentifier);
        for (const auto& [name, value] : std::exchange(fields_, {})) {
            append_field(datagram_, name, value);
        }
    } catch (const std::bad_alloc&) {
        return false;
    }
    const sockaddr_un address = journal_address();
    const ssize_t sent =
        ::sendto(fd_.get(), datagram_.data(), datagram_.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return sent >= 0;
}

} // namespace echod
