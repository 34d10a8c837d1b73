// SPDX-License-Identifier: MIT
#include "server/control/query.hpp"

#include "base/sys_error.hpp"
#include "base/unique_fd.hpp"
#include "net/socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <span>
#include <utility>

namespace echod {

namespace {

[[noreturn]] void fail(const std::string& path, std::string_view what, int error = 0) {
    throw QueryError(error, fmt::format("control socket {}: {}", path, what));
}

UniqueFd connect_to(const std::string& path, Duration timeout) {
    const Endpoint endpoint = control_endpoint(path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // If the daemon hangs and its backlog is full, connect(2) blocks for up to SO_SNDTIMEO.
    const auto us = std::chrono::ceil<std::chrono::microseconds>(timeout).count();
    const timeval limit{static_cast<time_t>(us / 1'000'000),
                        static_cast<suseconds_t>(us % 1'000'000)};
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (!fd || ::connect(fd.get(), endpoint.address(), endpoint.length()) != 0) {
        const int error = errno;
        fail(path,
             error == EAGAIN ? "no answer in time"
                             : fmt::format("no echod answers: {}", describe_errno(error)),
             error);
    }
    return fd;
}

// Receives until end of file.
std::string receive_answer(int fd, const std::string& path, TimePoint deadline) {
    std::string text;
    std::array<std::byte, 4096> bytes{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd ready{fd, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) {
            fail(path, "no answer in time");
        }
        const IoResult got = receive(fd, bytes);
        if (got.would_block()) {
            continue;
        }
        if (got.bytes == 0) {
            return text;
        }
        text.append(reinterpret_cast<const char*>(bytes.data()), got.bytes);
    }
}

} // namespace

ControlAnswer query_daemon(const std::string& path, std::string_view command, Duration timeout) {
    const TimePoint deadline = Clock::now() + timeout;
    const UniqueFd fd = connect_to(path, timeout);
    const std::string line = std::string(command) + "\n";
    if (send_some(fd.get(), std::as_bytes(std::span(line))).bytes != line.size()) {
        fail(path, "the command could not be sent");
    }
    const std::string text = receive_answer(fd.get(), path, deadline);
    for (const auto& [word, ok] : {std::pair(kControlOk, true), std::pair(kControlError, false)}) {
        if (std::string_view(text).substr(0, word.size()) == word) {
            return {ok, text.substr(word.size())};
        }
    }
    fail(path, "the answer was cut off");
}

ControlAnswer query_state(const std::string& path, std::string_view command, Duration timeout) {
    try {
        return query_daemon(path, command, timeout);
    } catch (const QueryError& error) {
        if (error.error() != EACCES && error.error() != EPERM) {
            throw;
        }
        return query_daemon(stats_path(path), command, timeout);
    }
}

} // namespace echod
