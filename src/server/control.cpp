// SPDX-License-Identifier: MIT
#include "server/control.hpp"

#include "base/sys_error.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>

namespace echod {

namespace {

constexpr std::size_t kLongestCommand = 64;
constexpr Duration kDialogueTime = std::chrono::seconds(5);
constexpr std::string_view kOk = "ok\n";
constexpr std::string_view kError = "error\n";

Endpoint endpoint_of(const std::string& path) {
    if (path.size() >= sizeof sockaddr_un::sun_path) {
        throw std::runtime_error(fmt::format("control socket {}: the path is longer than {} bytes",
                                             path, sizeof sockaddr_un::sun_path - 1));
    }
    return resolve_target("unix:" + path).front();
}

// True where a daemon serves the socket at `endpoint`.
bool is_served(const Endpoint& endpoint) {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return fd && (::connect(fd.get(), endpoint.address(), endpoint.length()) == 0 ||
                  errno == EAGAIN); // its backlog is full
}

} // namespace

ControlSocket::ControlSocket(Epoll& epoll, std::uint64_t first_token, Handler handler)
    : epoll_(epoll), first_token_(first_token), handler_(std::move(handler)) {}

ControlSocket::~ControlSocket() {
    if (listener_) {
        ::unlink(path_.c_str());
    }
}

void ControlSocket::open(const std::string& path) {
    const Endpoint endpoint = endpoint_of(path);
    if (is_served(endpoint)) {
        throw_errno(EADDRINUSE, fmt::format("control socket {}: another echod serves it", path));
    }
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
        ::unlink(path.c_str()); // left behind by one that was killed
    }
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // The mode is set between bind and listen: before listen nobody can connect.
    if (!fd || ::bind(fd.get(), endpoint.address(), endpoint.length()) != 0 ||
        ::chmod(path.c_str(), 0660) != 0 || ::listen(fd.get(), kAskers) != 0) {
        throw_errno(errno, fmt::format("control socket {}", path));
    }
    if (const int error = epoll_.add(fd.get(), EPOLLIN, first_token_); error != 0) {
        throw_errno(error, fmt::format("control socket {}", path));
    }
    path_ = path;
    listener_ = std::move(fd);
}

void ControlSocket::on_event(std::uint64_t index, TimePoint now) {
    if (index == 0) {
        accept(now);
    } else if (index < kTokens && askers_[index - 1].fd) {
        Asker& asker = askers_[index - 1];
        try {
            serve(asker);
        } catch (const std::bad_alloc&) {
            end(asker); // it sees that the answer is cut off
        }
    }
}

void ControlSocket::accept(TimePoint now) noexcept {
    for (std::size_t i = 0; i < kAskers; ++i) {
        Asker& asker = askers_[i];
        if (asker.fd) {
            continue;
        }
        UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd && errno == EAGAIN) {
            return;
        }
        // No descriptor or no memory, most likely: it would be tried again without end.
        if (!fd || epoll_.add(fd.get(), EPOLLIN | EPOLLET, first_token_ + 1 + i) != 0) {
            retry_at_ = now + kAcceptRetry;
            break;
        }
        asker.fd = std::move(fd);
        ++asking_;
        asker.deadline = now + kDialogueTime;
    }
    // No place left: look away until there is one, instead of being told again and again.
    (void)epoll_.modify(listener_.get(), 0, first_token_);
}

void ControlSocket::serve(Asker& asker) {
    std::array<std::byte, kLongestCommand> bytes{};
    while (!asker.answered) {
        const IoResult got = receive(asker.fd.get(), bytes);
        if (got.would_block()) {
            return;
        }
        asker.command.append(reinterpret_cast<const char*>(bytes.data()), got.bytes);
        const std::size_t end = asker.command.find('\n');
        if (end <= kLongestCommand) { // npos is beyond it
            const ControlAnswer answer = handler_(std::string_view(asker.command).substr(0, end));
            asker.answer = std::string(answer.ok ? kOk : kError) + answer.text;
            asker.answered = true;
        } else if (got.bytes == 0 || asker.command.size() > kLongestCommand) {
            return this->end(asker);
        }
    }
    const std::span<const char> rest = std::span(asker.answer).subspan(asker.sent);
    const IoResult result = send_some(asker.fd.get(), std::as_bytes(rest));
    asker.sent += result.bytes;
    if (asker.sent == asker.answer.size() || (result.error != 0 && !result.would_block())) {
        return end(asker);
    }
    const auto index = static_cast<std::uint64_t>(&asker - askers_.data());
    (void)epoll_.modify(asker.fd.get(), EPOLLOUT | EPOLLET, first_token_ + 1 + index);
}

void ControlSocket::end(Asker& asker) noexcept {
    asker = Asker{};
    --asking_;
    (void)epoll_.modify(listener_.get(), EPOLLIN, first_token_);
}

std::optional<TimePoint> ControlSocket::first_deadline() const noexcept {
    std::optional<TimePoint> next = retry_at_;
    for (const Asker& asker : askers_) {
        if (asker.fd && (!next || asker.deadline < *next)) {
            next = asker.deadline;
        }
    }
    return next;
}

void ControlSocket::expire(TimePoint now) noexcept {
    if (retry_at_ && *retry_at_ <= now) {
        retry_at_.reset();
        (void)epoll_.modify(listener_.get(), EPOLLIN, first_token_);
    }
    for (Asker& asker : askers_) {
        if (asker.fd && asker.deadline <= now) {
            end(asker);
        }
    }
}

ControlAnswer ask_daemon(const std::string& path, std::string_view command, Duration timeout) {
    const auto fail = [&path](std::string_view what) {
        throw std::runtime_error(fmt::format("control socket {}: {}", path, what));
    };
    const Endpoint endpoint = endpoint_of(path);
    const TimePoint deadline = Clock::now() + timeout;
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // A daemon that hangs fills its backlog, and then connect(2) waits, as long as this says.
    const auto us = std::chrono::ceil<std::chrono::microseconds>(timeout).count();
    const timeval limit{us / 1'000'000, us % 1'000'000};
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (!fd || ::connect(fd.get(), endpoint.address(), endpoint.length()) != 0) {
        fail(errno == EAGAIN ? "no answer in time"
                             : fmt::format("no echod answers: {}", describe_errno(errno)));
    }
    const std::string line = std::string(command) + "\n";
    if (send_some(fd.get(), std::as_bytes(std::span(line))).bytes != line.size()) {
        fail("the command could not be sent");
    }
    std::string text;
    std::array<std::byte, 4096> bytes{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd ready{fd.get(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) {
            fail("no answer in time");
        }
        const IoResult got = receive(fd.get(), bytes);
        if (got.would_block()) {
            continue;
        }
        if (got.bytes == 0) {
            break;
        }
        text.append(reinterpret_cast<const char*>(bytes.data()), got.bytes);
    }
    for (const auto& [word, ok] : {std::pair(kOk, true), std::pair(kError, false)}) {
        if (std::string_view(text).substr(0, word.size()) == word) {
            return {ok, text.substr(word.size())};
        }
    }
    fail("the answer was cut off");
    return {};
}

} // namespace echod
