// SPDX-License-Identifier: MIT
// What a daemon beside floods does for others. Well-behaved clients have one message in flight and
// pause after each echo; every 20 ms one of the following is measured in turn: the first echo of a
// new connection, from connect(2); the answer to the command `status` on the control socket, from
// connect(2) to the end of file; and the log line of a reload, from the SIGHUP, which is read from
// standard input. Prints a JSON object: the latencies of the well-behaved clients, their fairness
// (Jain's index), and the latencies of the three others with their numbers.
#include "client.hpp"
#include "net/epoll.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>

namespace {

using echod::Clock;
using echod::Duration;
using echod::TimePoint;

constexpr Duration kPause = std::chrono::milliseconds(5);
constexpr Duration kSideStep = std::chrono::milliseconds(20);
constexpr Duration kTimeout = std::chrono::seconds(60);
constexpr std::size_t kMost = 64;
constexpr std::uint32_t kSideSource = 150; ///< new connections come from an address of their own

struct Plan {
    std::uint16_t port;
    std::string control;
    pid_t server;
    std::size_t clients;
    std::uint32_t payload;
    Duration warmup;
    Duration duration;
};

struct WellBehaved {
    echod::UniqueFd fd;
    TimePoint due{};  ///< of the next message; in flight while it is in the past
    TimePoint sent{}; ///< of the message in flight
    std::size_t missing = 0;
    double echoes = 0;
};

enum Side : std::size_t { first_echo, control_answer, signal_handled, side_count };

class Probe {
public:
    explicit Probe(Plan plan)
        : plan_(std::move(plan)), message_(bench::messages(1, plan_.payload)),
          clients_(plan_.clients) {
        add(STDIN_FILENO, EPOLLIN, kLogToken);
        for (std::size_t id = 0; id < clients_.size(); ++id) {
            clients_[id].fd = bench::connect_to(plan_.port, static_cast<std::uint32_t>(id), 0);
            echod::set_nonblocking(clients_[id].fd.get());
            add(clients_[id].fd.get(), EPOLLIN, id);
        }
    }

    void run() {
        const TimePoint start = Clock::now();
        from_ = start + plan_.warmup;
        const TimePoint until = from_ + plan_.duration;
        for (std::size_t id = 0; id < clients_.size(); ++id) {
            clients_[id].due = start + kPause * id / clients_.size();
        }
        side_due_ = from_;
        std::array<epoll_event, kMost> events{};
        // On a very busy machine a short run continues until there is something of each kind.
        for (TimePoint now = start; now < until || !complete(); now = Clock::now()) {
            if (now > until + kTimeout) {
                throw std::runtime_error("no answer in time");
            }
            const int n = epoll_.wait(events, send_due(now));
            for (const epoll_event& event :
                 std::span(events).first(static_cast<std::size_t>(std::max(n, 0)))) {
                on_event(event.data.u64);
            }
        }
    }

    void report() const {
        double sum = 0;
        double squares = 0;
        for (const WellBehaved& client : clients_) {
            sum += client.echoes;
            squares += client.echoes * client.echoes;
        }
        fmt::print(R"({{"echoes": {}, "jain": {:.4f}, {})", sum,
                   sum * sum / (static_cast<double>(clients_.size()) * squares),
                   bench::latency_members(latency_));
        for (std::size_t i = 0; i < side_count; ++i) {
            constexpr std::array kNames{"first_echo", "control", "signal"};
            fmt::print(R"(, "{}": {{"count": {}, {}}})", kNames.at(i), side_.at(i).count(),
                       bench::latency_members(side_.at(i)));
        }
        fmt::print("}}\n");
    }

private:
    static constexpr std::uint64_t kLogToken = 1ULL << 32U;
    static constexpr std::uint64_t kSideToken = kLogToken + 1;

    void add(int fd, std::uint32_t events, std::uint64_t token) {
        if (const int error = epoll_.add(fd, events, token); error != 0) {
            echod::throw_errno(error, "epoll_ctl");
        }
    }

    [[nodiscard]] bool complete() const {
        return latency_.count() != 0 &&
               std::all_of(side_.begin(), side_.end(), [](const auto& h) { return h.count(); });
    }

    // Sends what is due; returns the time to the next.
    Duration send_due(TimePoint now) {
        TimePoint next = now + kSideStep;
        for (WellBehaved& client : clients_) {
            if (client.missing == 0 && client.due <= now) {
                client.missing = message_.size();
                client.sent = Clock::now();
                if (echod::send_some(client.fd.get(), message_).bytes != message_.size()) {
                    throw std::runtime_error("a message could not be sent");
                }
            } else if (client.missing == 0) {
                next = std::min(next, client.due);
            }
        }
        if (!side_busy_) {
            if (side_due_ <= now) {
                start_side();
            } else {
                next = std::min(next, side_due_);
            }
        }
        return std::max(next - Clock::now(), Duration::zero());
    }

    void start_side() {
        side_busy_ = true;
        side_began_ = Clock::now();
        if (side_now_ == signal_handled) {
            ::kill(plan_.server, SIGHUP);
            return;
        }
        std::span<const std::byte> request(message_);
        if (side_now_ == first_echo) {
            side_missing_ = message_.size();
            side_fd_ = bench::connect_to(plan_.port, kSideSource, 0);
        } else {
            constexpr std::string_view kStatus = "status\n";
            sockaddr_un to{};
            to.sun_family = AF_UNIX;
            plan_.control.copy(to.sun_path, sizeof to.sun_path - 1);
            side_fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
            if (::connect(side_fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
                echod::throw_errno(errno, "cannot connect to the control socket");
            }
            request = std::as_bytes(std::span(kStatus));
            control_answer_ = 0;
        }
        if (echod::send_some(side_fd_.get(), request).bytes != request.size()) {
            throw std::runtime_error("a request could not be sent");
        }
        add(side_fd_.get(), EPOLLIN, kSideToken);
    }

    void finish_side() {
        side_.at(side_now_).record(Clock::now() - side_began_);
        if (side_now_ == first_echo) {
            echod::set_abort_on_close(side_fd_.get());
        }
        side_fd_.reset();
        side_busy_ = false;
        side_now_ = (side_now_ + 1) % side_count;
        side_due_ = Clock::now() + kSideStep;
    }

    void on_event(std::uint64_t token) {
        if (token == kLogToken) {
            read_log();
        } else if (token == kSideToken) {
            read_side();
        } else {
            read_echo(clients_[token]);
        }
    }

    void read_log() {
        const auto size = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
        if (size <= 0) {
            throw std::runtime_error("the server has ended");
        }
        const std::string_view log(reinterpret_cast<const char*>(buffer_.data()),
                                   static_cast<std::size_t>(size));
        if (side_busy_ && side_now_ == signal_handled && log.find("reloaded") != log.npos) {
            finish_side();
        }
    }

    void read_side() {
        const echod::IoResult got = echod::receive(side_fd_.get(), buffer_);
        if (side_now_ == control_answer) {
            control_answer_ += got.bytes;
            if (got.error == 0 && got.bytes == 0) {
                if (control_answer_ == 0) {
                    throw std::runtime_error("the control socket gave no answer");
                }
                finish_side();
            }
        } else if (got.error != 0 || got.bytes == 0) {
            throw std::runtime_error("the server closed a new connection");
        } else if ((side_missing_ -= got.bytes) == 0) {
            finish_side();
        }
    }

    void read_echo(WellBehaved& client) {
        const echod::IoResult got = echod::receive(client.fd.get(), buffer_);
        if (got.would_block()) {
            return;
        }
        if (got.error != 0 || got.bytes == 0 || got.bytes > client.missing) {
            throw std::runtime_error("the server closed a connection");
        }
        client.missing -= got.bytes;
        if (client.missing == 0) {
            const TimePoint now = Clock::now();
            if (client.sent >= from_) {
                latency_.record(now - client.sent);
                ++client.echoes;
            }
            client.due = now + kPause;
        }
    }

    Plan plan_;
    std::vector<std::byte> message_;
    std::vector<WellBehaved> clients_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(std::size_t{64} * 1024);
    echod::Epoll epoll_;
    echoload::Histogram latency_;
    std::array<echoload::Histogram, side_count> side_;
    TimePoint from_{};
    std::size_t side_now_ = first_echo;
    bool side_busy_ = false;
    TimePoint side_due_{};
    TimePoint side_began_{};
    std::size_t side_missing_ = 0;
    std::size_t control_answer_ = 0;
    echod::UniqueFd side_fd_;
};

} // namespace

int main(int argc, char** argv) try {
    if (argc != 8) {
        fmt::print(stderr,
                   "usage: probe PORT CONTROL PID CLIENTS PAYLOAD WARMUP_MS DURATION_MS <LOG\n");
        return 2;
    }
    Probe probe({static_cast<std::uint16_t>(bench::number(argv[1])), argv[2],
                 static_cast<pid_t>(bench::number(argv[3])), bench::number(argv[4]),
                 static_cast<std::uint32_t>(bench::number(argv[5])),
                 std::chrono::milliseconds(bench::number(argv[6])),
                 std::chrono::milliseconds(bench::number(argv[7]))});
    probe.run();
    probe.report();
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "probe: %s\n", error.what());
    return 1;
}
