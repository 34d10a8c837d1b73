// SPDX-License-Identifier: MIT
#include "client/preflight.hpp"

#include "base/sys_error.hpp"
#include "net/address.hpp"
#include "net/event_fd.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>

namespace echoload {

namespace {

// Besides the connections: the standard three, epoll, signals, a wake-up, the result's files, and
// what the caller may have left open. A loop has an epoll and a wake-up.
constexpr rlim_t kOtherDescriptors = 32;
constexpr rlim_t kDescriptorsOfALoop = 2;

// Of ours and of the kernel's, for a TCP socket with nothing in its buffers; and a time of sending
// and one of being due, in a ring that may be twice as long as it needs to be.
constexpr std::uint64_t kMemoryOfAConnection = 1024 + 4096;
constexpr std::uint64_t kMemoryInFlight = 32;

// How many ports of an address connect(2) chooses from.
std::uint64_t local_ports() {
    std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    return file >> first >> last && first <= last ? last - first + 1 : 65535 - 1024;
}

std::optional<std::uint64_t> available_memory() {
    std::ifstream file("/proc/meminfo");
    std::string name;
    std::uint64_t kib = 0;
    std::string unit;
    while (file >> name >> kib && std::getline(file, unit)) {
        if (name == "MemAvailable:") {
            return kib * 1024;
        }
    }
    return std::nullopt;
}

} // namespace

std::vector<Target> resolve_targets(const std::vector<std::string>& texts) {
    std::vector<Target> targets;
    for (const std::string& text : texts) {
        try {
            targets.push_back({text, echod::resolve_target(text)});
        } catch (const echod::UnresolvedHost& error) {
            throw NotPossible(error.what());
        } catch (const std::runtime_error& error) {
            throw BadTarget(error.what());
        }
    }
    return targets;
}

namespace {

// What the thread and who waits for it have in common: that one may outlive the other.
struct Resolving {
    std::vector<std::string> texts;
    Resolution found;
    std::string bad_target;           ///< or empty
    std::atomic<bool> is_done{false}; ///< both above are written
    echod::EventFd done;              ///< wakes whoever waits for that
};

void resolve_all(Resolving& resolving) noexcept {
    try {
        resolving.found.targets = resolve_targets(resolving.texts);
    } catch (const BadTarget& error) {
        resolving.bad_target = error.what();
    } catch (const std::exception& error) {
        resolving.found.failure = error.what();
    }
    resolving.is_done.store(true, std::memory_order_release);
    resolving.done.signal();
}

} // namespace

Resolution resolve(const std::vector<std::string>& texts, echod::SignalFd& signals) {
    const auto resolving = std::make_shared<Resolving>();
    resolving->texts = texts;
    // getaddrinfo(3) cannot be called off: where a signal comes first it is left behind.
    std::thread([resolving] { resolve_all(*resolving); }).detach();
    std::array<pollfd, 2> either = {{{resolving->done.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
    while (::poll(either.data(), either.size(), -1) < 0 && errno == EINTR) {
    }
    if (!resolving->is_done.load(std::memory_order_acquire)) {
        Resolution none;
        none.signal = signals.next().value_or(SIGINT);
        return none;
    }
    if (!resolving->bad_target.empty()) {
        throw BadTarget(resolving->bad_target);
    }
    return std::move(resolving->found);
}

namespace {

// Connections of the load and of misbehaving ones.
std::uint64_t all_connections(const Options& options) {
    return std::uint64_t{options.connections} + options.abuse.total();
}

void keep_reachable(const SourceRange& source, Target& target) {
    auto& addresses = target.addresses;
    const auto foreign = [&](const echod::Endpoint& address) {
        return address.family() != source.family();
    };
    std::erase_if(addresses, foreign);
    if (addresses.empty()) {
        throw NotPossible(fmt::format("{} has no address of the kind of --source {}", target.name,
                                      source.text()));
    }
}

// How many of the targets are that one: it may be given twice, and has its ports once.
std::uint64_t times_given(const std::vector<Target>& targets, const echod::Endpoint& address) {
    const std::string text = address.to_string();
    return static_cast<std::uint64_t>(
        std::count_if(targets.begin(), targets.end(), [&](const Target& target) {
            return target.addresses.front().to_string() == text;
        }));
}

} // namespace

void check_sources(const Options& options, std::vector<Target>& targets) {
    const std::uint64_t sources = options.source ? options.source->count() : 1;
    const std::uint64_t ports = local_ports();
    for (Target& target : targets) {
        if (options.source) {
            keep_reachable(*options.source, target);
        }
    }
    for (const Target& target : targets) {
        const std::uint64_t times = times_given(targets, target.addresses.front());
        const std::uint64_t connections =
            (all_connections(options) * times + targets.size() - 1) / targets.size();
        const std::uint64_t needed = (connections + ports - 1) / ports;
        if (target.addresses.front().family() != AF_UNIX && needed > sources) {
            throw NotPossible(fmt::format(
                "{} connections to {} need {} addresses of ours, since each has {} ports "
                "(net.ipv4.ip_local_port_range), and there {} {}: ask for at most {} connections "
                "(-c and --abuse), or give a network of at least {} addresses (--source, such as "
                "127.0.0.0/8 for a local target)",
                connections, target.name, needed, ports, sources == 1 ? "is" : "are", sources,
                sources * ports * targets.size() / times, needed));
        }
    }
}

void check_memory(const Options& options) {
    const std::uint64_t needed =
        all_connections(options) * kMemoryOfAConnection +
        std::uint64_t{options.connections} * options.pipeline * kMemoryInFlight;
    const std::optional<std::uint64_t> available = available_memory();
    if (available && needed > *available) {
        throw NotPossible(fmt::format(
            "{} connections with {} in flight need about {} MB, and {} MB are available: ask for "
            "fewer connections (-c, --abuse) or messages in flight (-p)",
            all_connections(options), options.pipeline, needed / 1'000'000,
            *available / 1'000'000));
    }
}

void reserve_descriptors(const Options& options) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "getrlimit(RLIMIT_NOFILE)");
    }
    const rlim_t loops = options.threads + (options.abuse.total() == 0 ? 0U : 1U);
    const rlim_t others = kOtherDescriptors + loops * kDescriptorsOfALoop;
    const rlim_t needed = all_connections(options) + others;
    if (needed <= limit.rlim_cur) {
        return;
    }
    if (needed > limit.rlim_max) {
        throw NotPossible(fmt::format(
            "{} connections need {} descriptors, and the hard limit is {} (RLIMIT_NOFILE): ask for "
            "at most {} connections (-c), or raise the limit (ulimit -Hn {} as root, or "
            "LimitNOFILE= of the unit)",
            all_connections(options), needed, limit.rlim_max,
            limit.rlim_max > others ? limit.rlim_max - others : 0, needed));
    }
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "setrlimit(RLIMIT_NOFILE)");
    }
}

} // namespace echoload
