// SPDX-License-Identifier: MIT
// The cost of the timeouts per iteration of the loop, which must not depend on the number of
// clients, and a whole iteration for one message, through the real kernel, over a socket pair.
#include "net/epoll.hpp"
#include "net/socket.hpp"
#include "server/clients/clients.hpp"

#include <benchmark/benchmark.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace echod;
using namespace std::chrono_literals;

struct House {
    House() {
        rlimit limit{};
        if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
            limit.rlim_cur = limit.rlim_max;
            (void)::setrlimit(RLIMIT_NOFILE, &limit);
        }
        clients->configure(Config::Limits{}, Config::Timeouts{});
    }

    // A client that is never served may have any descriptor that epoll accepts.
    [[nodiscard]] bool add_idle(std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            now += 1us;
            if (clients->add(UniqueFd(::eventfd(0, EFD_NONBLOCK)), Endpoint{}, now) != 0) {
                return false;
            }
        }
        return true;
    }

    TimePoint now{1h};
    Epoll epoll;
    Counters counters;
    std::unique_ptr<Clients> clients = std::make_unique<Clients>(epoll, counters);
};

void next_deadline_of_idle_clients(benchmark::State& state) {
    House house;
    if (!house.add_idle(state.range(0))) {
        state.SkipWithError("out of descriptors");
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(house.clients->next_deadline());
    }
}
BENCHMARK(next_deadline_of_idle_clients)->ArgName("clients")->Arg(64)->Arg(10000);

void expire_before_any_deadline(benchmark::State& state) {
    House house;
    if (!house.add_idle(state.range(0))) {
        state.SkipWithError("out of descriptors");
    }
    for (auto _ : state) {
        house.clients->expire(house.now);
    }
}
BENCHMARK(expire_before_any_deadline)->ArgName("clients")->Arg(64)->Arg(10000);

// All clients expire in the same iteration: the cost of closing one must not depend on their
// number.
void expire_everybody(benchmark::State& state) {
    House house;
    for (auto _ : state) {
        state.PauseTiming();
        if (!house.add_idle(state.range(0))) {
            state.SkipWithError("out of descriptors");
            break;
        }
        house.now += 1min; // twice the default of timeouts.idle
        state.ResumeTiming();
        house.clients->expire(house.now);
        if (house.clients->open() != 0) {
            state.SkipWithError("clients are left");
            break;
        }
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(expire_everybody)->ArgName("clients")->Arg(64)->Arg(10000);

// An iteration in which every client has a message, long enough after the previous one that all
// move to the tail of the idle list. The kernel's part is the same for each.
void touch_everybody(benchmark::State& state) {
    House house;
    const auto count = static_cast<std::size_t>(state.range(0));
    std::vector<UniqueFd> peers;
    for (std::size_t i = 0; i < count; ++i) {
        std::array<int, 2> fds{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) != 0 ||
            house.clients->add(UniqueFd(fds[0]), Endpoint{}, house.now) != 0) {
            state.SkipWithError("out of descriptors");
            return;
        }
        peers.emplace_back(fds[1]);
    }
    std::vector<std::byte> message(kHeaderSize + 64);
    encode_header({1, 64}, message.data());
    std::vector<std::byte> echo(message.size());
    std::vector<epoll_event> events(count);
    for (auto _ : state) {
        house.now += 5s;
        state.PauseTiming();
        for (const UniqueFd& peer : peers) {
            (void)send_some(peer.get(), message);
        }
        const int ready = house.epoll.wait(events, 0s);
        state.ResumeTiming();
        for (std::size_t i = 0; std::cmp_less(i, ready); ++i) {
            house.clients->on_event(events[i].data.u64, events[i].events);
        }
        house.clients->serve_ready(house.now);
        house.clients->expire(house.now);
        state.PauseTiming();
        for (const UniqueFd& peer : peers) {
            if (receive(peer.get(), echo).bytes != message.size()) {
                state.SkipWithError("no echo");
                break;
            }
        }
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(touch_everybody)->ArgName("clients")->Arg(64)->Arg(5000);

// recv, scan, send, lists and counters for one message, epoll_wait included.
void serve_one_message(benchmark::State& state) {
    House house;
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) != 0 ||
        house.clients->add(UniqueFd(fds[0]), Endpoint{}, house.now) != 0 || !house.add_idle(1000)) {
        state.SkipWithError("out of descriptors");
    }
    const UniqueFd peer(fds[1]);
    std::vector<std::byte> message(kHeaderSize + static_cast<std::size_t>(state.range(0)));
    encode_header({1, static_cast<std::uint32_t>(state.range(0))}, message.data());
    std::vector<std::byte> echo(message.size());
    std::array<epoll_event, 8> events{};
    for (auto _ : state) {
        house.now += 5us;
        (void)send_some(peer.get(), message);
        if (house.epoll.wait(events, 0s) != 1) {
            state.SkipWithError("no event");
            break;
        }
        house.clients->on_event(events[0].data.u64, events[0].events);
        house.clients->serve_ready(house.now);
        house.clients->expire(house.now);
        if (receive(peer.get(), echo).bytes != message.size()) {
            state.SkipWithError("no echo");
            break;
        }
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(serve_one_message)->ArgName("payload")->Arg(64)->Arg(1016);

} // namespace
