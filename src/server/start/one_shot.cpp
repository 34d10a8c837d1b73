// SPDX-License-Identifier: MIT
#include "server/start/one_shot.hpp"

#include "server/config/config.hpp"
#include "server/config/writer.hpp"
#include "server/control/control_socket.hpp"
#include "server/control/query.hpp"
#include "server/log/log.hpp"
#include "server/start/config_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace echod {

namespace {

int check_config(const CommandLine& command_line) {
    const bool exists = read_config(command_line.config_path).file_exists;
    fmt::print("{}: {}\n", command_line.config_path.value_or(std::string(kDefaultConfigPath)),
               exists ? "ok" : "does not exist; the defaults are ok");
    return flush_output();
}

int request(const CommandLine& command_line) {
    const std::string path = command_line.control_path.value_or(std::string(kDefaultControlPath));
    const ControlAnswer answer = query_daemon(path, command_line.request, std::chrono::seconds(30));
    // The daemon logs the lines of a reload itself: as ExecReload=, they would be there twice.
    const bool is_logged =
        command_line.request == "reload" && is_journal(answer.ok ? STDOUT_FILENO : STDERR_FILENO);
    if (!is_logged) {
        fmt::print(answer.ok ? stdout : stderr, "{}", answer.text);
    }
    return answer.ok ? flush_output() : 1;
}

} // namespace

int flush_output() {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
        return 0;
    }
    std::perror("echod: standard output");
    return 1;
}

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
