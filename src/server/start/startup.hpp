// SPDX-License-Identifier: MIT
// The start of the daemon: what is read and opened, in which order, and what a restart may not
// lose.
#pragma once

#include "server/config/config.hpp"
#include "server/listener/listener.hpp"
#include "server/log/log.hpp"
#include "server/loop/server.hpp"
#include "server/service/passed_sockets.hpp"
#include "server/start/command_line.hpp"

#include <optional>
#include <string>
#include <vector>

namespace echod {

/// What is known before there is a log.
struct Preparation {
    PassedDescriptors passed;
    Config config;
    bool file_exists = true;
    /// The errors of the file, or of an address in it, where what the old process had is used.
    std::vector<std::string> refused;
    std::vector<MissingAddress> missing; ///< configured addresses that do not exist
};

/// Reads the configuration. Where it is refused and the old process left its state, the old
/// process's configuration is used: an edit must cost neither the connections nor the service.
/// Otherwise throws ConfigError.
[[nodiscard]] Preparation prepare(PassedDescriptors passed,
                                  const std::optional<std::string>& config_path);

/// Logs that the daemon starts, and the errors of a refused configuration.
void log_start(const Preparation& preparation, Log& log);

/// Takes the listeners out of `preparation`: the passed sockets, or else the passed sockets that
/// the old process stored, or else those that the configuration names. Where these cannot be opened
/// and the old process left its connections, its listeners are used, and `preparation.config` is
/// changed accordingly. Throws ListenError.
[[nodiscard]] std::vector<Listener> take_listeners(Preparation& preparation, Log& log);

/// Opens the control socket. A daemon starts without one where the path is the default, which may
/// belong to the service, or where the old process left its connections. Throws std::runtime_error.
void open_control(Server& server, const std::optional<std::string>& path, bool has_handover,
                  Log& log);

/// Starts and serves. Returns the exit status: 0 stopped on request, 1 for an error, which is then
/// logged, or EX_TEMPFAIL (75) where a new process follows. Throws ConfigError, and std::exception
/// for errors before there is a log.
[[nodiscard]] int serve(const CommandLine& command_line);

} // namespace echod
