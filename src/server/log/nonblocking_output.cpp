// SPDX-License-Identifier: MIT
#include "server/log/nonblocking_output.hpp"

#include "base/nonblocking.hpp"

#include <climits>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace echod {

namespace {

std::size_t taken(ssize_t written) noexcept {
    return written > 0 ? static_cast<std::size_t>(written) : 0;
}

} // namespace

const std::size_t NonblockingOutput::kLongestLine = PIPE_BUF;

NonblockingOutput::NonblockingOutput(int fd) : fd_(fd), kind_(Kind::polled) {
    rest_.reserve(kLongestLine);
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        return;
    }
    if (S_ISREG(status.st_mode)) {
        kind_ = Kind::file; // opened again, it would have an offset of its own
    } else if (S_ISSOCK(status.st_mode)) {
        kind_ = Kind::socket;
    } else if (S_ISFIFO(status.st_mode) || ::isatty(fd) == 1) {
        own_ = open_again(fd);
        kind_ = own_ ? Kind::nonblocking : Kind::polled;
    }
}

bool NonblockingOutput::write(std::string_view line) noexcept {
    if (!rest_.empty()) {
        rest_.erase(0, write_some(rest_));
        if (!rest_.empty()) {
            return false;
        }
    }
    line = line.substr(0, kLongestLine);
    const std::size_t size = write_some(line);
    if (size == 0) {
        return false;
    }
    rest_ = line.substr(size); // allocates nothing: the room is reserved
    return true;
}

// Returns the number of bytes that were taken.
std::size_t NonblockingOutput::write_some(std::string_view text) noexcept {
    switch (kind_) {
    case Kind::file:
        return taken(::write(fd_, text.data(), text.size()));
    case Kind::socket:
        return taken(::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    case Kind::nonblocking:
        return taken(::write(own_.get(), text.data(), text.size()));
    case Kind::polled:
        break;
    }
    return write_polled(text);
}

// For what cannot be opened again. Where the write has blocked, the next second is without log
// lines.
std::size_t NonblockingOutput::write_polled(std::string_view text) noexcept {
    const auto now = std::chrono::steady_clock::now();
    if (now < silent_until_) {
        return 0;
    }
    const std::size_t size = taken(write_interruptibly(fd_, text));
    if (std::chrono::steady_clock::now() - now > std::chrono::milliseconds(10)) {
        silent_until_ = now + std::chrono::seconds(1);
    }
    return size;
}

} // namespace echod
