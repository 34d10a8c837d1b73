// SPDX-License-Identifier: MIT
// The configuration in force: how it reaches the parts of the daemon, and how it is reloaded.
#pragma once

#include "base/clock.hpp"
#include "net/network.hpp"
#include "server/clients/clients.hpp"
#include "server/config/config.hpp"
#include "server/config/reader.hpp"
#include "server/control/control_socket.hpp"
#include "server/listener/acceptor.hpp"
#include "server/listener/listener.hpp"
#include "server/log/log.hpp"
#include "server/loop/busy_poll.hpp"
#include "server/loop/missing_addresses.hpp"
#include "server/loop/notices.hpp"
#include "server/loop/reporter.hpp"
#include "server/service/manager.hpp"
#include "server/service/reload_scope.hpp"
#include "server/stats/server_state.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace echod {

/// Reads the configuration again; throws ConfigError.
using LoadConfig = std::function<Config()>;

/// The parts that a configuration applies to, all borrowed.
struct ConfiguredParts {
    Clients& clients;
    Acceptor& acceptor;
    Reporter& reporter;
    BusyPoll& busy_poll;
    ServiceManager& service;
    Log& log;
    Notices& notices;
};

/// The lists of networks of a configuration, parsed.
struct ConfiguredNetworks {
    std::vector<IpNetwork> exempt;     ///< limits.per_ip_exempt
    std::vector<IpNetwork> proxy_from; ///< listen.proxy_from
};

/// "listening on 127.0.0.1:8007, [::1]:8007", or "listening on no address yet".
[[nodiscard]] std::string listening_on(const std::vector<Listener>& listeners);

class Settings {
public:
    /// Applies `config`. Logs a warning where RLIMIT_NOFILE is below limits.max_connections.
    Settings(Config config, LoadConfig load_config, const ConfiguredParts& parts, TimePoint now);

    [[nodiscard]] const Config& config() const noexcept { return config_; }

    /// Loads the configuration again and applies it as a whole, or logs its errors and keeps the
    /// old one. New listeners are open when it returns. The answer has the lines that were logged.
    /// Throws std::bad_alloc.
    [[nodiscard]] ControlAnswer reload(TimePoint now);

    /// Logs and shows how the start departs from the configuration on disk: `refused` has its
    /// errors, if the one of the old process is in force, and `missing` the addresses that do not
    /// exist. Throws std::bad_alloc.
    void note_start(const std::vector<std::string>& refused, std::vector<MissingAddress> missing,
                    TimePoint now);

    /// When retry_addresses() is due; kNever while no address is missing.
    [[nodiscard]] TimePoint retry_at() const noexcept { return missing_.retry_at(); }
    /// Listens on the missing addresses that exist now. Throws std::bad_alloc.
    void retry_addresses(TimePoint now);

    /// How loading the configuration ended the last time.
    [[nodiscard]] const LastLoad& last_load() const noexcept { return last_load_; }

    /// Addresses on which the daemon is to listen: its listeners, and the missing addresses.
    [[nodiscard]] std::uint32_t listeners_wanted() const noexcept {
        return static_cast<std::uint32_t>(parts_.acceptor.listeners().size() + missing_.count());
    }

    /// The answer to a reload while the server stops.
    [[nodiscard]] ControlAnswer refuse_reload();

private:
    void apply(Config config, ConfiguredNetworks networks, TimePoint now) noexcept;
    [[nodiscard]] ControlAnswer load_and_apply(TimePoint now);
    [[nodiscard]] ControlAnswer refuse(const std::vector<std::string>& reasons);
    void note_load(bool successful) noexcept;
    void note_departures();
    void publish_notices();
    void check_descriptor_limit();
    void check_incoming_cpu();

    Config config_;
    LoadConfig load_config_;
    ConfiguredParts parts_;
    MissingAddresses missing_;
    LastLoad last_load_;
};

} // namespace echod
