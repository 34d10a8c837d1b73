// SPDX-License-Identifier: MIT
#include "client/run/local_ports.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace echoload {

namespace {

// The ports of an address from which connect(2) chooses.
struct PortCount {
    std::uint64_t free = 65535 - 1024;
    std::uint64_t reserved = 0; ///< of the range, and not free
};

PortCount local_ports() {
    std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (!(file >> first >> last) || first > last) {
        return {};
    }
    std::ifstream reserved_file("/proc/sys/net/ipv4/ip_local_reserved_ports");
    std::string list;
    std::getline(reserved_file, list);
    const std::uint64_t reserved = count_reserved(list, first, last);
    return {last - first + 1 - reserved, reserved};
}

// How many targets have that address: one given twice gets twice the connections, and the ports
// are there once.
std::uint64_t times_given(const std::vector<Target>& targets, const echod::Endpoint& address) {
    const std::string text = address.to_string();
    return static_cast<std::uint64_t>(
        std::count_if(targets.begin(), targets.end(), [&](const Target& target) {
            return target.addresses.front().to_string() == text;
        }));
}

} // namespace

std::uint64_t count_reserved(const std::string& list, std::uint64_t first, std::uint64_t last) {
    std::uint64_t count = 0;
    std::istringstream ranges(list);
    for (std::string range; std::getline(ranges, range, ',');) {
        const std::size_t dash = range.find('-');
        const auto from = echod::parse_integer(range.substr(0, dash));
        const auto to =
            dash == std::string::npos ? from : echod::parse_integer(range.substr(dash + 1));
        if (from && to && *to >= first && *from <= last) {
            count += std::min<std::uint64_t>(*to, last) - std::max<std::uint64_t>(*from, first) + 1;
        }
    }
    return count;
}

void keep_reachable(const SourceRange& source, std::vector<Target>& targets) {
    for (Target& target : targets) {
        std::erase_if(target.addresses, [&source](const echod::Endpoint& address) {
            return address.family() != source.family();
        });
        if (target.addresses.empty()) {
            throw NotPossible(fmt::format("{} has no address of the family of --source {}",
                                          target.name, source.text()));
        }
    }
}

void check_local_ports(std::uint64_t connections, const std::optional<SourceRange>& source,
                       const std::vector<Target>& targets) {
    const std::uint64_t sources = source ? source->count() : 1;
    const PortCount count = local_ports();
    const std::uint64_t ports = std::max<std::uint64_t>(count.free, 1);
    for (const Target& target : targets) {
        const std::uint64_t times = times_given(targets, target.addresses.front());
        const std::uint64_t of_target = (connections * times + targets.size() - 1) / targets.size();
        const std::uint64_t needed = (of_target + ports - 1) / ports;
        if (target.addresses.front().family() != AF_UNIX && needed > sources) {
            throw NotPossible(fmt::format(
                "{} connections to {} need {} local addresses, since each has {} ports "
                "(net.ipv4.ip_local_port_range{}), and there {} {}: request at most {} connections "
                "(-c and --abuse), or give a network of at least {} addresses (--source, such as "
                "127.0.0.0/8 for a local target)",
                of_target, target.name, needed, count.free,
                count.reserved == 0
                    ? ""
                    : fmt::format(" without the {} of net.ipv4.ip_local_reserved_ports",
                                  count.reserved),
                sources == 1 ? "is" : "are", sources, sources * count.free * targets.size() / times,
                needed));
        }
    }
}

} // namespace echoload
