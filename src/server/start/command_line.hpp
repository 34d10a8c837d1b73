// SPDX-License-Identifier: MIT
// The daemon's command line and its help.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

namespace echod {

enum class Action : std::uint8_t { serve, help, version, check_config, print_config, request };

struct CommandLine {
    Action action = Action::serve;
    std::string request;                     ///< for the running daemon: "stats json"
    bool watch = false;                      ///< "status" again every second
    std::optional<std::string> config_path;  ///< nothing: the default, which need not exist
    std::optional<std::string> control_path; ///< nothing: the default, which need not exist
};

/// A wrong command line; what() says in one line what is wrong.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Reads the arguments behind the program's name. --help and --version win over an error. Throws
/// UsageError.
[[nodiscard]] CommandLine parse_command_line(std::span<const char* const> arguments);

/// The text of --help, in lines of at most 100 columns.
[[nodiscard]] std::string help_text();

} // namespace echod
