// SPDX-License-Identifier: MIT
#include "client/preflight.hpp"

#include "base/sys_error.hpp"
#include "net/address.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <optional>

namespace echoload {

namespace {

// Besides the connections: the standard three, epoll, signals, wake-ups, the result, and what the
// caller may have left open.
constexpr rlim_t kOtherDescriptors = 32;

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

void check_sources(const Options& options, std::vector<Target>& targets) {
    const std::uint64_t sources = options.source ? options.source->count() : 1;
    for (Target& target : targets) {
        auto& addresses = target.addresses;
        if (options.source) {
            const auto foreign = [&](const echod::Endpoint& address) {
                return address.family() != options.source->family();
            };
            addresses.erase(std::remove_if(addresses.begin(), addresses.end(), foreign),
                            addresses.end());
            if (addresses.empty()) {
                throw NotPossible(fmt::format("{} has no address of the kind of --source {}",
                                              target.name, options.source->text()));
            }
        }
        const std::uint64_t ports = local_ports();
        const std::uint64_t connections =
            (options.connections + targets.size() - 1) / targets.size();
        const std::uint64_t needed = (connections + ports - 1) / ports;
        if (addresses.front().family() != AF_UNIX && needed > sources) {
            throw NotPossible(fmt::format(
                "{} connections to {} need {} addresses of ours, since each has {} ports "
                "(net.ipv4.ip_local_port_range), and there {} {}: ask for at most {} connections "
                "(-c), or give a network of at least {} addresses (--source, such as 127.0.0.0/8 "
                "for a local target)",
                connections, target.name, needed, ports, sources == 1 ? "is" : "are", sources,
                sources * ports * targets.size(), needed));
        }
    }
}

void check_memory(const Options& options) {
    const std::uint64_t connections = options.connections;
    const std::uint64_t needed =
        connections * (kMemoryOfAConnection + options.pipeline * kMemoryInFlight);
    const std::optional<std::uint64_t> available = available_memory();
    if (available && needed > *available) {
        throw NotPossible(fmt::format(
            "{} connections with {} in flight need about {} MB, and {} MB are available: ask for "
            "fewer connections (-c) or messages in flight (-p)",
            connections, options.pipeline, needed / 1'000'000, *available / 1'000'000));
    }
}

void reserve_descriptors(std::uint32_t connections) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "getrlimit(RLIMIT_NOFILE)");
    }
    const rlim_t needed = connections + kOtherDescriptors;
    if (needed <= limit.rlim_cur) {
        return;
    }
    if (needed > limit.rlim_max) {
        throw NotPossible(fmt::format(
            "{} connections need {} descriptors, and the hard limit is {} (RLIMIT_NOFILE): ask for "
            "at most {} connections (-c), or raise the limit (ulimit -Hn {} as root, or "
            "LimitNOFILE= of the unit)",
            connections, needed, limit.rlim_max,
            limit.rlim_max > kOtherDescriptors ? limit.rlim_max - kOtherDescriptors : 0, needed));
    }
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "setrlimit(RLIMIT_NOFILE)");
    }
}

} // namespace echoload
