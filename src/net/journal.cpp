// SPDX-License-Identifier: MIT
#include "net/journal.hpp"

#include <sys/socket.h>
#include <sys/un.h>

namespace echod {

namespace {

sockaddr_un journal_address() noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    JournalSocket::kPath.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

} // namespace

JournalSocket::JournalSocket() noexcept
    : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

bool JournalSocket::is_reachable() const noexcept {
    const sockaddr_un address = journal_address();
    const UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return fd_ && probe &&
           ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// NAME=value\n, or for a value with a newline: NAME\n, its length as a 64-bit little-endian number,
// value\n.
void JournalSocket::add_field(std::string& entry, std::string_view name, std::string_view value) {
    entry += name;
    if (value.find('\n') == std::string_view::npos) {
        entry += '=';
    } else {
        entry += '\n';
        for (unsigned byte = 0; byte < 8; ++byte) {
            entry += static_cast<char>((value.size() >> (8U * byte)) & 0xffU);
        }
    }
    entry += value;
    entry += '\n';
}

bool JournalSocket::send(std::string_view entry) const noexcept {
    const sockaddr_un address = journal_address();
    return ::sendto(fd_.get(), entry.data(), entry.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

} // namespace echod
