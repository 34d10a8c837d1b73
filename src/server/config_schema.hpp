// SPDX-License-Identifier: MIT
// Each key of the configuration, named once: reading, printing and checking all walk this list.
#pragma once

#include "server/config.hpp"

#include <array>
#include <string_view>

namespace echod {

struct WholeNumber {
    std::int64_t least;
    std::int64_t most;
};

/// A duration of at least `least`, or zero where `zero_is_never`.
struct Time {
    Duration least;
    Duration most;
    bool zero_is_never;
};

struct IpAddresses {};

/// The words of an enum, in the order of its values.
template <std::size_t N>
struct Words {
    std::array<std::string_view, N> words;
};
template <class... Word>
Words(Word...) -> Words<sizeof...(Word)>;

/// Calls visitor(section, key, value, rule) for each key, in the file's order. `Config` may be
/// const.
template <class AnyConfig, class Visitor>
void visit_config(AnyConfig& config, Visitor&& visitor) {
    using namespace std::chrono_literals;
    constexpr std::int64_t kMany = 1'000'000;
    constexpr Time kTimeout{1ms, 24h, true};

    visitor("listen", "addresses", config.listen.addresses, IpAddresses{});
    visitor("listen", "port", config.listen.port, WholeNumber{0, 65'535});
    visitor("listen", "backlog", config.listen.backlog, WholeNumber{1, 65'535});

    visitor("limits", "max_connections", config.limits.max_connections, WholeNumber{1, kMany});
    visitor("limits", "max_connections_per_ip", config.limits.max_connections_per_ip,
            WholeNumber{0, kMany});
    visitor("limits", "when_full", config.limits.when_full, Words<3>{{"queue", "reject", "evict"}});
    visitor("limits", "quota_messages", config.limits.quota_messages, WholeNumber{1, 65'535});
    visitor("limits", "accepts_per_turn", config.limits.accepts_per_turn, WholeNumber{1, 65'535});

    visitor("timeouts", "idle", config.timeouts.idle, kTimeout);
    visitor("timeouts", "message", config.timeouts.message, kTimeout);
    visitor("timeouts", "write", config.timeouts.write, kTimeout);
    visitor("timeouts", "unacked", config.timeouts.unacked, Time{1s, 24h, true});
    visitor("timeouts", "drain", config.timeouts.drain, Time{0ms, 1h, false});

    visitor("stats", "interval", config.stats.interval, Time{100ms, 24h, true});

    visitor("log", "level", config.log.level, Words<4>{{"debug", "info", "warning", "error"}});
    visitor("log", "target", config.log.target, Words<3>{{"auto", "journal", "stderr"}});
}

} // namespace echod
