// SPDX-License-Identifier: MIT
// The configuration: its keys with their defaults, and how a TOML file becomes one.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

enum class WhenFull : std::uint8_t { queue, reject, evict };
enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogTarget : std::uint8_t { automatic, journal, stderr_stream };

/// Everything echod.toml(5) describes; a fresh one holds the defaults.
struct Config {
    struct Listen {
        std::vector<std::string> addresses = {"127.0.0.1", "::1"};
        std::uint16_t port = 8007;
        std::uint32_t backlog = 4096;
        bool operator==(const Listen&) const = default;
    } listen;
    struct Limits {
        std::uint32_t max_connections = 10'000;
        std::uint32_t max_connections_per_ip = 0; ///< 0: no limit
        WhenFull when_full = WhenFull::queue;
        std::uint32_t quota_messages = 10;
        std::uint32_t accepts_per_turn = 64;
        bool operator==(const Limits&) const = default;
    } limits;
    struct Timeouts { ///< zero: never
        Duration idle = std::chrono::seconds(30);
        Duration message = std::chrono::seconds(10);
        Duration write = std::chrono::seconds(10);
        Duration unacked = std::chrono::seconds(30);
        Duration drain = std::chrono::seconds(10);
        bool operator==(const Timeouts&) const = default;
    } timeouts;
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

inline constexpr std::string_view kDefaultConfigPath = "/etc/echod/echod.toml";

/// A file that is no valid configuration. what() has a line for each error, each one
/// "FILE:LINE:COL: KEY: must be ..., is ..." (or "FILE: ..." where there is no place).
class ConfigError : public std::runtime_error {
public:
    explicit ConfigError(std::vector<std::string> lines);
    [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

private:
    std::vector<std::string> lines_;
};

/// Reads `text`, calling it `name` in errors. Throws ConfigError with all that is wrong with it.
[[nodiscard]] Config parse_config(std::string_view text, const std::string& name);

/// Reads the regular file at `path`. Throws ConfigError, also where it cannot be read.
[[nodiscard]] Config load_config(const std::string& path);

/// `config` as TOML with every key, which parse_config() reads back as the same.
[[nodiscard]] std::string format_config(const Config& config);

/// Every key in full ("limits.quota_messages"), in the order of format_config().
[[nodiscard]] std::vector<std::string> config_keys();

/// The keys in which two configurations differ and that a reload cannot change: a restart can.
[[nodiscard]] std::vector<std::string> keys_that_need_a_restart(const Config& running,
                                                                const Config& wanted);

} // namespace echod
