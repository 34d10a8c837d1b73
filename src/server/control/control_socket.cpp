// SPDX-License-Identifier: MIT
#include "server/control/control_socket.hpp"

#include "base/sys_error.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <thread>

namespace echod {

namespace {

constexpr std::size_t kLongestCommand = 64;
constexpr Duration kRequestTime = std::chrono::seconds(5);

constexpr Duration kLockTime = std::chrono::seconds(2);

// What connect(2) to the socket at `endpoint` says: 0, or an errno.
int connect_error(const Endpoint& endpoint) noexcept {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const bool connected = fd && ::connect(fd.get(), endpoint.address(), endpoint.length()) == 0;
    return connected ? 0 : errno;
}

// Locks the directory of `path` until the descriptor is closed: a daemon that starts at the same
// time waits until the socket of the other one listens. Without permission to read the directory
// there is no lock. Throws std::system_error if another process holds it too long.
UniqueFd lock_directory(const std::string& path, std::string_view name) {
    const std::size_t slash = path.rfind('/');
    const std::string directory =
        slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const TimePoint end = Clock::now() + kLockTime;
    while (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        if (Clock::now() >= end) {
            throw_errno(EWOULDBLOCK,
                        fmt::format("{} {}: another process has locked {}", name, path, directory));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return fd;
}

// Binds with the right mode from the beginning: chmod(2) afterwards would follow a symbolic link
// that the owner of the directory has put in the place of the socket.
int bind_with_mode(int fd, const Endpoint& endpoint, ControlSocket::Access access) noexcept {
    const mode_t before = ::umask(access == ControlSocket::Access::everyone ? 0111 : 0117);
    const int error = ::bind(fd, endpoint.address(), endpoint.length()) == 0 ? 0 : errno;
    ::umask(before);
    return error;
}

} // namespace

ControlSocket::ControlSocket(Epoll& epoll, std::uint64_t first_token, Handler handler)
    : epoll_(epoll), first_token_(first_token), handler_(std::move(handler)) {}

ControlSocket::~ControlSocket() {
    // While listener_ is open, the inode number of its socket is not used again.
    if (bound_ && socket_at(path_) == bound_) {
        ::unlink(path_.c_str());
    }
}

std::optional<ControlSocket::FileId> ControlSocket::socket_at(const std::string& path) noexcept {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return std::nullopt;
    }
    return FileId{status.st_dev, status.st_ino};
}

void ControlSocket::open(const std::string& path, std::string_view name, Access access) {
    const auto fail = [&](int error) { throw_errno(error, fmt::format("{} {}", name, path)); };
    const Endpoint endpoint = control_endpoint(path, name);
    const UniqueFd lock = lock_directory(path, name);
    const int answer = connect_error(endpoint);
    if (answer == 0 || answer == EAGAIN) { // EAGAIN: its backlog is full
        throw_errno(EADDRINUSE, fmt::format("{} {}: another echod serves it", name, path));
    }
    if (answer == ECONNREFUSED && socket_at(path)) {
        ::unlink(path.c_str()); // a killed daemon left it behind
    }
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        fail(errno);
    }
    if (const int error = bind_with_mode(fd.get(), endpoint, access); error != 0) {
        fail(error);
    }
    path_ = path;
    bound_ = socket_at(path);
    listener_ = std::move(fd);
    if (::listen(listener_.get(), kMaxClients) != 0) {
        fail(errno);
    }
    if (const int error = epoll_.add(listener_.get(), EPOLLIN, first_token_); error != 0) {
        fail(error);
    }
}

void ControlSocket::on_event(std::uint64_t index, TimePoint now) {
    if (index == 0) {
        accept(now);
    } else if (index < kTokens && clients_[index - 1].fd) {
        serve_or_end(clients_[index - 1]);
    }
}

// A place for a new client, if need be that of the client that has been silent longest. It is
// served first, because its command may have arrived in the meantime. nullptr if every client has
// sent its command and waits for the rest of the answer.
ControlSocket::ControlClient* ControlSocket::free_place() noexcept {
    for (;;) {
        ControlClient* oldest = nullptr;
        for (ControlClient& client : clients_) {
            if (!client.fd) {
                return &client;
            }
            if (!client.answered && (oldest == nullptr || client.deadline < oldest->deadline)) {
                oldest = &client;
            }
        }
        if (oldest == nullptr) {
            return nullptr;
        }
        serve_or_end(*oldest);
        if (oldest->fd && !oldest->answered) {
            end(*oldest);
        }
    }
}

// Accepts a bounded number of clients; epoll reports again that more of them wait.
void ControlSocket::accept(TimePoint now) noexcept {
    for (std::size_t n = 0; n < kMaxClients; ++n) {
        if (!has_input(listener_.get())) {
            return; // no client has to make room
        }
        ControlClient* client = free_place();
        if (client == nullptr) {
            break;
        }
        UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd && errno == EAGAIN) {
            return;
        }
        const auto index = static_cast<std::uint64_t>(client - clients_.data());
        // Probably out of file descriptors or memory: retrying at once would spin.
        if (!fd || epoll_.add(fd.get(), EPOLLIN | EPOLLET, first_token_ + 1 + index) != 0) {
            retry_at_ = now + kAcceptRetry;
            break;
        }
        client->fd = std::move(fd);
        ++active_;
        client->deadline = now + kRequestTime;
    }
    if (retry_at_ != kNever ||
        std::all_of(clients_.begin(), clients_.end(),
                    [](const ControlClient& each) { return each.fd && each.answered; })) {
        // The listener's events stay disabled until a place is free, or until retry_at_.
        (void)epoll_.modify(listener_.get(), 0, first_token_);
    }
}

void ControlSocket::serve_or_end(ControlClient& client) noexcept {
    try {
        serve(client);
    } catch (const std::bad_alloc&) {
        end(client); // the client sees an incomplete answer
    }
}

void ControlSocket::serve(ControlClient& client) {
    std::array<std::byte, kLongestCommand> bytes{};
    while (!client.answered) {
        const IoResult got = receive(client.fd.get(), bytes);
        if (got.would_block()) {
            return;
        }
        client.command.append(reinterpret_cast<const char*>(bytes.data()), got.bytes);
        const std::size_t end = client.command.find('\n');
        if (end <= kLongestCommand) { // npos is beyond it
            const ControlAnswer answer = handler_(std::string_view(client.command).substr(0, end));
            client.answer = std::string(answer.ok ? kControlOk : kControlError) + answer.text;
            client.answered = true;
        } else if (got.bytes == 0 || client.command.size() > kLongestCommand) {
            return this->end(client);
        }
    }
    const std::span<const char> rest = std::span(client.answer).subspan(client.sent);
    const IoResult result = send_some(client.fd.get(), std::as_bytes(rest));
    client.sent += result.bytes;
    if (client.sent == client.answer.size() || (result.error != 0 && !result.would_block())) {
        return end(client);
    }
    const auto index = static_cast<std::uint64_t>(&client - clients_.data());
    (void)epoll_.modify(client.fd.get(), EPOLLOUT | EPOLLET, first_token_ + 1 + index);
}

void ControlSocket::end(ControlClient& client) noexcept {
    client = ControlClient{};
    --active_;
    (void)epoll_.modify(listener_.get(), EPOLLIN, first_token_);
}

TimePoint ControlSocket::first_deadline() const noexcept {
    TimePoint next = retry_at_;
    for (const ControlClient& client : clients_) {
        if (client.fd) {
            next = std::min(next, client.deadline);
        }
    }
    return next;
}

void ControlSocket::expire(TimePoint now) noexcept {
    if (retry_at_ <= now) {
        retry_at_ = kNever;
        (void)epoll_.modify(listener_.get(), EPOLLIN, first_token_);
    }
    for (ControlClient& client : clients_) {
        if (client.fd && client.deadline <= now) {
            end(client);
        }
    }
}

} // namespace echod
