// SPDX-License-Identifier: MIT
// The keys of the configuration and the values that each allows. The reader, the writer and the
// check of unknown keys all walk this one list.
#pragma once

#include "server/config/config.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace echod {

/// A whole number from `least` to `most`.
struct WholeNumber {
    std::int64_t least;
    std::int64_t most;
};

/// A duration from `least` to `most`, or zero if `zero_is_never`.
struct Time {
    Duration least;
    Duration most;
    bool zero_is_never;
};

/// A duration from `least` to `most`, zero for off, or nothing for "auto".
struct TimeOrAuto {
    Duration least;
    Duration most;
};

/// A size in bytes from `least` to `most`, or zero for no limit.
struct ByteSize {
    std::uint64_t least;
    std::uint64_t most;
};

/// A list of one or more numeric IP addresses, or of kEveryAddress; see address_conflicts().
struct IpAddresses {};

/// A list of at most `most` IP networks, see parse_network().
struct Networks {
    std::size_t most;
};

/// One of the names of an enum, see base/enum_names.hpp.
template <class Enum>
struct NameOf {};

/// Calls visitor(section, key, value, rule) for each key, in the order in which the writer prints
/// them. `config` may be const.
template <class AnyConfig, class Visitor>
void visit_config(AnyConfig& config, Visitor&& visitor) {
    using namespace std::chrono_literals;
    constexpr std::int64_t kMany = 1'000'000;
    constexpr Time kTimeout{1ms, 24h, true};

    visitor("listen", "addresses", config.listen.addresses, IpAddresses{});
    visitor("listen", "port", config.listen.port, WholeNumber{0, 65'535});
    visitor("listen", "backlog", config.listen.backlog, WholeNumber{1, 65'535});
    visitor("listen", "missing", config.listen.missing, NameOf<OnMissing>{});
    visitor("listen", "incoming_cpu", config.listen.incoming_cpu, NameOf<IncomingCpu>{});
    visitor("listen", "proxy_protocol", config.listen.proxy_protocol, NameOf<ProxyProtocol>{});
    visitor("listen", "proxy_from", config.listen.proxy_from, Networks{256});

    visitor("limits", "max_connections", config.limits.max_connections, WholeNumber{1, kMany});
    visitor("limits", "max_connections_per_ip", config.limits.max_connections_per_ip,
            WholeNumber{0, kMany});
    visitor("limits", "ipv6_prefix", config.limits.ipv6_prefix, WholeNumber{1, 128});
    visitor("limits", "per_ip_exempt", config.per_ip_exempt, Networks{256});
    visitor("limits", "when_full", config.limits.when_full, NameOf<WhenFull>{});
    visitor("limits", "quota_messages", config.limits.quota_messages, WholeNumber{1, 65'535});
    visitor("limits", "unsent_bytes", config.limits.unsent_bytes, ByteSize{4096, 1U << 30U});
    visitor("limits", "accepts_per_turn", config.limits.accepts_per_turn, WholeNumber{1, 65'535});

    visitor("timeouts", "idle", config.timeouts.idle, kTimeout);
    visitor("timeouts", "message", config.timeouts.message, kTimeout);
    visitor("timeouts", "write", config.timeouts.write, kTimeout);
    visitor("timeouts", "unacked", config.timeouts.unacked, Time{1s, 24h, true});
    visitor("timeouts", "drain", config.timeouts.drain, Time{0ms, 1h, false});

    visitor("loop", "busy_poll", config.loop.busy_poll, TimeOrAuto{1us, 1s});

    visitor("stats", "interval", config.stats.interval, Time{100ms, 24h, true});

    visitor("log", "level", config.log.level, NameOf<LogLevel>{});
    visitor("log", "target", config.log.target, NameOf<LogTarget>{});
}

/// Every key with its section ("limits.quota_messages"), in that order.
[[nodiscard]] std::vector<std::string> config_keys();

} // namespace echod
