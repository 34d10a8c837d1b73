// SPDX-License-Identifier: MIT
// echod: reads the command line, then serves, asks a running daemon, or prints and exits.
#include "net/signal_fd.hpp"
#include "server/config/reader.hpp"
#include "server/log/log.hpp"
#include "server/loop/server.hpp"
#include "server/start/command_line.hpp"
#include "server/start/one_shot.hpp"
#include "server/start/startup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace echod;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

// Descriptors 0 to 2 must be open: otherwise a socket would get the number 2 and be sent the log.
void open_standard_streams() {
    int fd = 0;
    do {
        fd = ::open("/dev/null", O_RDWR | O_NOCTTY); // NOLINT: inherited on purpose
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        ::close(fd);
    }
}

// For errors before there is a log. The prefix makes the line an error in the journal
// (sd-daemon(3)).
void print_error(std::string_view line) {
    fmt::print(stderr, "{}{}\n", is_journal(STDERR_FILENO) ? "<3>" : "", line);
}

// An entry with the MESSAGE_ID. The lines that name the errors went to standard error: the journal
// always knows the unit of that stream, but not of a datagram whose sender has already exited.
void log_start_failed() {
    if (is_journal(STDERR_FILENO)) {
        Log(LogTarget::journal, LogLevel::error)
            .entry(LogLevel::error, message_id::kStartFailed, {},
                   "start failed: the configuration is not valid");
    }
}

int run(const CommandLine& command_line, const sigset_t& blocked_before) {
    if (command_line.action == Action::serve) {
        return serve(command_line);
    }
    restore_signals(blocked_before);
    return run_one_shot(command_line);
}

} // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what the reports below might throw ends the process.
int main(int argc, char** argv) {
    // A signal during the start is for the loop; unblocked, it would kill the process.
    const sigset_t blocked_before = block_signals(Server::kSignals);
    // A file at RLIMIT_FSIZE, as a log may be, is an error of write(2) and does not end the
    // process.
    std::signal(SIGXFSZ, SIG_IGN);
    open_standard_streams();
    CommandLine command_line;
    try {
        command_line =
            parse_command_line(std::span<const char* const>(argv, static_cast<std::size_t>(argc))
                                   .subspan(argc > 0 ? 1 : 0));
        return run(command_line, blocked_before);
    } catch (const UsageError& error) {
        std::string why = error.what();
        std::replace(why.begin(), why.end(), '\n', ' '); // an argument may contain any byte
        print_error(fmt::format("echod: {}; see echod --help", why));
        return kExitUsage;
    } catch (const ConfigError& error) {
        for (const std::string& line : error.lines()) {
            print_error(line);
        }
        if (command_line.action == Action::serve) {
            log_start_failed();
        }
        return EX_CONFIG;
    } catch (const std::exception& error) {
        print_error(fmt::format("echod: {}", error.what()));
        return kExitFailure;
    }
}
