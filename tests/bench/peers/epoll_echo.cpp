// SPDX-License-Identifier: MIT
// The reference: a minimal correct echo server with epoll(7). Edge triggered; it reads until a read
// is short and sends with one call what it has read. No framing, limits, timeouts, fairness or
// statistics. With --poll it never sleeps: the limit of what polling can reach, at the price of a
// whole core.
#include "peer.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;

struct Client {
    int fd;
    bool watches_output = false;
    std::string unsent; ///< not accepted by the kernel; reading stops until it is sent
};

class Server {
public:
    Server(int listener, int timeout) : listener_{listener, false, {}}, timeout_(timeout) {
        watch(EPOLL_CTL_ADD, &listener_, EPOLLIN | EPOLLET);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 256> events{};
        for (;;) {
            const int n =
                ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_);
            for (std::size_t i = 0; n > 0 && i < static_cast<std::size_t>(n); ++i) {
                auto* const client = static_cast<Client*>(events[i].data.ptr);
                if (client == &listener_) {
                    accept_all();
                } else if (!serve(*client, events[i].events)) {
                    ::close(client->fd);
                    delete client;
                }
            }
        }
    }

private:
    void watch(int operation, Client* client, std::uint32_t events) const {
        epoll_event event{};
        event.events = events;
        event.data.ptr = client;
        if (::epoll_ctl(epoll_, operation, client->fd, &event) != 0) {
            throw std::system_error(errno, std::generic_category(), "epoll_ctl");
        }
    }

    void accept_all() const {
        for (;;) {
            const int fd = ::accept4(listener_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                return;
            }
            watch(EPOLL_CTL_ADD, new Client{fd, false, {}}, kInput);
        }
    }

    void send_or_keep(Client& client, const char* data, std::size_t size) const {
        const ssize_t sent = ::send(client.fd, data, size, MSG_NOSIGNAL);
        const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
        if (done < size) {
            client.unsent.assign(data + done, size - done);
            if (!client.watches_output) {
                client.watches_output = true;
                watch(EPOLL_CTL_MOD, &client, kInput | EPOLLOUT);
            }
        }
    }

    /// Returns false if the connection is finished.
    bool serve(Client& client, std::uint32_t events) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
            return false;
        }
        if (!client.unsent.empty()) {
            const std::string rest = std::exchange(client.unsent, {});
            send_or_keep(client, rest.data(), rest.size());
        }
        while (client.unsent.empty()) {
            const ssize_t got = ::recv(client.fd, buffer_.data(), buffer_.size(), 0);
            if (got <= 0) {
                return got < 0 && errno == EAGAIN;
            }
            const auto size = static_cast<std::size_t>(got);
            send_or_keep(client, buffer_.data(), size);
            if (size < buffer_.size() && (events & EPOLLRDHUP) == 0) {
                return true; // a short read: the next byte brings a new edge (epoll(7))
            }
        }
        return true;
    }

    int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    Client listener_;
    int timeout_; ///< of epoll_wait(2)
    std::array<char, peer::kReadSize> buffer_{};
};

} // namespace

int main(int argc, char** argv) {
    peer::raise_descriptor_limit();
    const bool polls = argc == 2 && std::string_view(argv[1]) == "--poll";
    std::make_unique<Server>(peer::listen_anywhere(), polls ? 0 : -1)->run();
}
