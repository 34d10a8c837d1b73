// SPDX-License-Identifier: MIT
// The command line of echod-exporter and its help.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace echod {

struct ExporterOptions {
    enum class Action : std::uint8_t { serve, help, version };

    Action action = Action::serve;
    std::string host = "127.0.0.1";    ///< numeric
    std::uint16_t port = 9807;         ///< 0: any
    std::string runtime = "/run";      ///< where the runtime directories of the instances are
    std::vector<std::string> expected; ///< instances that are down if they are not found
};

/// A wrong command line; what() says in one line what is wrong and what would be right.
class ExporterUsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Reads the arguments behind the program's name. --help and --version win over an error. Throws
/// ExporterUsageError.
[[nodiscard]] ExporterOptions parse_exporter_options(std::span<const char* const> arguments);

/// The text of --help, in lines of at most 100 columns.
[[nodiscard]] std::string exporter_help();

} // namespace echod
