// SPDX-License-Identifier: MIT
//
// The order: passed descriptors, configuration, log, listeners, control socket. Each of them can
// fail, and the next start then finds the connections of the old process still stored. Only then
// are the connections restored and removed from the store, and the loop runs.
#include "server/start/startup.hpp"

#include "net/fd_passing.hpp"
#include "server/handover/state_codec.hpp"
#include "server/handover/state_file.hpp"
#include "server/listener/socket_unit.hpp"
#include "server/loop/descriptor_limit.hpp"
#include "server/start/config_source.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sysexits.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace echod {

namespace {

std::optional<Config> config_of_old_process(const HandoverFds& handover_fds) {
    try {
        const StateFile file(handover_fds.state.get());
        return parse_config(decode_state(file.bytes()).config,
                            "(configuration of the old process)");
    } catch (const std::runtime_error&) {
        return std::nullopt; // there is none that can be read
    }
}

void log_defaults(bool file_exists, Log& log) {
    if (!file_exists) {
        log->info("{} does not exist: the defaults are in force", kDefaultConfigPath);
    }
}

void log_refused(Log& log, const std::string& text) {
    log.entry(LogLevel::error, message_id::kReloadFailed, {}, text);
}

// The listeners that the old process opened, by its configuration, which may name addresses that
// are still missing. Those that are there are served also where that configuration fails now.
std::vector<Listener> listeners_of_old_process(Preparation& preparation) {
    PassedDescriptors& passed = preparation.passed;
    try {
        if (const auto old = config_of_old_process(passed.handover_fds)) {
            preparation.config.listen = old->listen;
            OpenedListeners opened = open_listeners(old->listen, std::move(passed.own_listeners));
            preparation.missing = std::move(opened.missing);
            return std::move(opened.listeners);
        }
    } catch (const ListenError&) { // passed.own_listeners is unchanged
    }
    return std::move(passed.own_listeners);
}

std::vector<Listener> open_own_listeners(Preparation& preparation, Log& log) {
    PassedDescriptors& passed = preparation.passed;
    try {
        OpenedListeners opened =
            open_listeners(preparation.config.listen, std::move(passed.own_listeners));
        preparation.missing = std::move(opened.missing);
        return std::move(opened.listeners);
    } catch (const ListenError& error) {
        if (!passed.handover_fds || passed.own_listeners.empty()) {
            throw;
        }
        preparation.refused.emplace_back(error.what());
        log_refused(log, error.what());
        log_refused(log, "listen.addresses, port and backlog stay those of the old process, so "
                         "that its connections can be restored");
        return listeners_of_old_process(preparation);
    }
}

void warn_of_stored(Log& log, std::string_view cause, const std::vector<Listener>& stored,
                    const std::string& remedy) {
    std::vector<std::string> names;
    names.reserve(stored.size());
    for (const Listener& listener : stored) {
        names.push_back(listener.name);
    }
    log.entry(LogLevel::warning, message_id::kSockets, {},
              fmt::format("{}: serving those of the old process, {}; to serve those of the socket "
                          "unit: systemctl restart {}{}",
                          cause, fmt::join(names, ", "), socket_unit(), remedy));
}

// A socket unit passes nothing after its addresses were changed, until it is restarted.
std::vector<Listener> continue_on_stored(PassedDescriptors& passed, Log& log) {
    warn_of_stored(log, "no sockets were passed", passed.stored_listeners,
                   may_open_sockets()
                       ? "; to serve those of the file: systemctl reload " + service_unit()
                       : "");
    return std::move(passed.stored_listeners);
}

// If only some of its addresses were changed, it passes the others. A passed socket that is also
// stored shows that the unit was not restarted.
std::vector<Listener> take_not_passed(PassedDescriptors& passed) {
    std::vector<Listener>& stored = passed.stored_listeners;
    const auto is_passed = [&passed](const Listener& one) {
        const std::uint64_t cookie = socket_cookie(one.fd.get());
        return std::any_of(passed.listeners.begin(), passed.listeners.end(),
                           [cookie](const Listener& listener) {
                               return socket_cookie(listener.fd.get()) == cookie;
                           });
    };
    const auto first = std::stable_partition(stored.begin(), stored.end(), is_passed);
    if (first == stored.begin()) {
        return {};
    }
    std::vector<Listener> found(std::make_move_iterator(first),
                                std::make_move_iterator(stored.end()));
    stored.erase(first, stored.end());
    return found;
}

PassedDescriptors try_take_passed(std::string& error) {
    try {
        return take_passed_descriptors();
    } catch (const std::exception& failure) {
        error = failure.what();
        return {};
    }
}

int run_server(const CommandLine& command_line, Preparation& preparation, Log& log, bool& started) {
    raise_descriptor_limit();
    const auto load = [&command_line, &log] {
        LoadedConfig loaded = read_config(command_line.config_path);
        log_defaults(loaded.file_exists, log);
        return std::move(loaded.config);
    };
    std::vector<Listener> listeners = take_listeners(preparation, log);
    Server server(preparation.config, load, std::move(listeners), log);
    PassedDescriptors& passed = preparation.passed;
    open_control(server, command_line.control_path, static_cast<bool>(passed.handover_fds), log);
    if (passed.handover_fds) {
        server.restore(std::move(passed.handover_fds));
    }
    // Those of a socket unit that was restarted. If it was not, they are the passed ones.
    server.accept_waiting(std::exchange(passed.stored_listeners, {}));
    if (passed.stored) {
        server.clear_store(passed.passed_names);
    }
    server.note_start(preparation.refused, std::move(preparation.missing));
    started = true;
    return server.run() == Server::Ended::stopped ? 0 : EX_TEMPFAIL; // 75
}

} // namespace

Preparation prepare(PassedDescriptors passed, const std::optional<std::string>& config_path) {
    Preparation preparation;
    preparation.passed = std::move(passed);
    try {
        LoadedConfig loaded = read_config(config_path);
        preparation.config = std::move(loaded.config);
        preparation.file_exists = loaded.file_exists;
    } catch (const ConfigError& error) {
        const auto old = config_of_old_process(preparation.passed.handover_fds);
        if (!old) {
            throw;
        }
        preparation.config = *old;
        preparation.refused = error.lines();
    }
    return preparation;
}

void log_start(const Preparation& preparation, Log& log) {
    log.entry(LogLevel::info, message_id::kStart, {}, "echod " ECHOD_VERSION " starts");
    for (const std::string& line : preparation.refused) {
        log_refused(log, line);
    }
    if (!preparation.refused.empty()) {
        log_refused(log, "the configuration is refused: the one of the old process stays in force");
    }
    log_defaults(preparation.file_exists, log);
}

std::vector<Listener> take_listeners(Preparation& preparation, Log& log) {
    PassedDescriptors& passed = preparation.passed;
    if (passed.listeners.empty() && !passed.stored_listeners.empty()) {
        return continue_on_stored(passed, log);
    }
    if (passed.listeners.empty()) {
        return open_own_listeners(preparation, log);
    }
    log->info("{} sockets were passed by the service manager; they are used instead of "
              "listen.addresses, port and backlog",
              passed.listeners.size());
    for (const Listener& listener : passed.own_listeners) {
        log->info("{} was opened by the old process and is closed: sockets are passed now",
                  listener.name);
    }
    passed.own_listeners.clear();
    std::vector<Listener> not_passed = take_not_passed(passed);
    if (!not_passed.empty()) {
        warn_of_stored(log, "some sockets were not passed", not_passed, "");
        std::move(not_passed.begin(), not_passed.end(), std::back_inserter(passed.listeners));
    }
    return std::move(passed.listeners);
}

void open_control(Server& server, const std::optional<std::string>& path, bool has_handover,
                  Log& log) {
    const std::string where = path.value_or(std::string(kDefaultControlPath));
    try {
        server.open_control(where);
    } catch (const std::runtime_error& error) { // std::system_error included
        if (path && !has_handover) {
            throw;
        }
        if (!path) {
            log->info("no control socket: {}; serving without it", error.what());
        } else {
            log->error("no control socket: {}; serving without it, so that the connections of the "
                       "old process can be restored",
                       error.what());
        }
        return; // likely the directory is missing: one line is enough
    }
    try {
        server.open_stats(stats_path(where));
    } catch (const std::runtime_error& error) {
        log->info("no statistics socket: {}; serving without it", error.what());
    }
}

int serve(const CommandLine& command_line) {
    // Standard error may be a pipe whose reader has gone: that loses a log line, not the daemon.
    ::signal(SIGPIPE, SIG_IGN);
    // Or a terminal that stops what writes to it in the background (stty tostop).
    ::signal(SIGTTOU, SIG_IGN);
    std::string passed_error;
    PassedDescriptors passed = try_take_passed(passed_error);
    Preparation preparation = prepare(std::move(passed), command_line.config_path);
    Log log(preparation.config.log.target, preparation.config.log.level);
    log_start(preparation, log);
    if (!passed_error.empty()) {
        log.entry(LogLevel::error, message_id::kStartFailed, {}, passed_error);
        return 1;
    }
    bool started = false;
    try {
        return run_server(command_line, preparation, log, started);
    } catch (const std::exception& error) {
        if (started) {
            log->error("{}", error.what());
        } else {
            log.entry(LogLevel::error, message_id::kStartFailed, {}, error.what());
        }
        return 1;
    }
}

} // namespace echod
