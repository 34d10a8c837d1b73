// SPDX-License-Identifier: MIT
// The configuration as data, with its defaults. The keys and what each allows are in schema.hpp;
// reader.hpp reads a file and writer.hpp prints one.
#pragma once

#include "base/clock.hpp"
#include "base/enum_names.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// What happens to a new connection at limits.max_connections: it waits in the backlog, is closed
/// at once, or replaces the connection that has been idle longest.
enum class WhenFull : std::uint8_t { queue, reject, evict };
template <>
inline constexpr auto kEnumNames<WhenFull> = names_up_to<WhenFull::evict>({"queue", "reject",
                                                                           "evict"});

/// The least severe log line that is written.
enum class LogLevel : std::uint8_t { debug, info, warning, error };
template <>
inline constexpr auto kEnumNames<LogLevel> = names_up_to<LogLevel::error>({"debug", "info",
                                                                           "warning", "error"});

/// Where log lines go; `automatic`: to the journal if standard error is connected to it.
enum class LogTarget : std::uint8_t { automatic, journal, stderr_stream };
template <>
inline constexpr auto
    kEnumNames<LogTarget> = names_up_to<LogTarget::stderr_stream>({"auto", "journal", "stderr"});

/// What happens if an address of listen.addresses does not exist: it is tried again until it does,
/// or the start or the reload fails.
enum class OnMissing : std::uint8_t { retry, error };
template <>
inline constexpr auto kEnumNames<OnMissing> = names_up_to<OnMissing::error>({"retry", "error"});

/// Whether connections begin with a header of the PROXY protocol.
enum class ProxyProtocol : std::uint8_t { off, required };
template <>
inline constexpr auto
    kEnumNames<ProxyProtocol> = names_up_to<ProxyProtocol::required>({"off", "required"});

/// Which connections the listeners of an instance prefer: any, or those whose packets arrive at the
/// processor to which the process is bound.
enum class IncomingCpu : std::uint8_t { any, own };
template <>
inline constexpr auto kEnumNames<IncomingCpu> = names_up_to<IncomingCpu::own>({"any", "own"});

/// Everything that echod.toml(5) describes. A default-constructed Config holds the defaults.
struct Config {
    struct Listen {
        std::vector<std::string> addresses = {"127.0.0.1", "::1"};
        std::uint16_t port = 8007;
        std::uint32_t backlog = 4096;
        OnMissing missing = OnMissing::retry;
        IncomingCpu incoming_cpu = IncomingCpu::any;
        ProxyProtocol proxy_protocol = ProxyProtocol::off;
        std::vector<std::string> proxy_from; ///< networks that may send the header
        bool operator==(const Listen&) const = default;
    } listen;
    struct Limits {
        std::uint32_t max_connections = 10'000;
        std::uint32_t max_connections_per_ip = 0; ///< 0: no limit
        std::uint32_t ipv6_prefix = 64;
        WhenFull when_full = WhenFull::queue;
        std::uint32_t quota_messages = 10;
        std::uint32_t unsent_bytes = 128 * 1024; ///< 0: no limit
        std::uint32_t accepts_per_turn = 64;
        bool operator==(const Limits&) const = default;
    } limits;
    /// limits.per_ip_exempt; not in Limits, which is copied where running out of memory must not
    /// matter.
    std::vector<std::string> per_ip_exempt;
    struct Timeouts { ///< zero: no timeout
        Duration idle = std::chrono::seconds(30);
        Duration message = std::chrono::seconds(10);
        Duration write = std::chrono::seconds(10);
        Duration unacked = std::chrono::seconds(30);
        Duration drain = std::chrono::seconds(10);
        bool operator==(const Timeouts&) const = default;

        /// Whether keep-alive probes end the connection of a silent client that has vanished.
        /// Where the idle timeout ends it no later, they would only cost time at every accept(2)
        /// and close(2).
        [[nodiscard]] bool probes_silent_clients() const noexcept {
            return unacked != Duration::zero() && (idle == Duration::zero() || idle > unacked);
        }
    } timeouts;
    struct Loop {
        /// How long the loop polls before it sleeps; zero: not at all; nothing: "auto".
        std::optional<Duration> busy_poll;
        bool operator==(const Loop&) const = default;
    } loop;
    struct Stats {
        Duration interval = std::chrono::seconds(1); ///< zero: no periodic line
        bool operator==(const Stats&) const = default;
    } stats;
    struct Log {
        LogLevel level = LogLevel::info;
        LogTarget target = LogTarget::automatic;
        bool operator==(const Log&) const = default;
    } log;
    bool operator==(const Config&) const = default;
};

/// The file that is read without --config.
inline constexpr std::string_view kDefaultConfigPath = "/etc/echod/echod.toml";

} // namespace echod
