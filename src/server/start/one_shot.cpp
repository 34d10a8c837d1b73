// SPDX-License-Identifier: MIT
#include "server/start/one_shot.hpp"

#include "server/config/config.hpp"
#include "server/config/writer.hpp"
#include "server/control/control_socket.hpp"
#include "server/control/query.hpp"
#include "server/log/log.hpp"
#include "server/start/config_source.hpp"
#include "server/start/output.hpp"
#include "server/start/status_view.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace echod {

namespace {

constexpr Duration kRequestTimeout = std::chrono::seconds(30);

int check_config(const CommandLine& command_line) {
    const bool exists = read_config(command_line.config_path).file_exists;
    fmt::print("{}: {}\n", command_line.config_path.value_or(std::string(kDefaultConfigPath)),
               exists ? "ok" : "does not exist; the defaults are ok");
    return flush_output();
}

int reload(const std::string& path) {
    const ControlAnswer answer = query_daemon(path, "reload", kRequestTimeout);
    // The daemon logs the lines of a reload itself: as ExecReload=, they would be there twice.
    if (!is_journal(answer.ok ? STDOUT_FILENO : STDERR_FILENO)) {
        fmt::print(answer.ok ? stdout : stderr, "{}", answer.text);
    }
    return answer.ok ? flush_output() : 1;
}

int request(const CommandLine& command_line) {
    if (command_line.request == "status") {
        return show_status(command_line.control_path, command_line.watch);
    }
    const std::string path = command_line.control_path.value_or(std::string(kDefaultControlPath));
    if (command_line.request == "reload") {
        return reload(path);
    }
    const ControlAnswer answer = query_state(path, command_line.request, kRequestTimeout);
    fmt::print(answer.ok ? stdout : stderr, "{}", answer.text);
    return answer.ok ? flush_output() : 1;
}

} // namespace

int run_one_shot(const CommandLine& command_line) {
    switch (command_line.action) {
    case Action::help:
        fmt::print("{}", help_text());
        break;
    case Action::version:
        fmt::print("echod {}\n", ECHOD_VERSION);
        break;
    case Action::check_config:
        return check_config(command_line);
    case Action::print_config:
        fmt::print("# Sockets that the service manager passes take precedence over [listen].\n{}",
                   format_config(read_config(command_line.config_path).config));
        break;
    case Action::request:
        return request(command_line);
    case Action::serve:
        break;
    }
    return flush_output();
}

} // namespace echod
