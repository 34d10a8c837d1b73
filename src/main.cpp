// SPDX-License-Identifier: MIT
// echod: command line, configuration, log, sockets, then the loop.
#include "net/signal_fd.hpp"
#include "server/config.hpp"
#include "server/control.hpp"
#include "server/handover.hpp"
#include "server/listener.hpp"
#include "server/log.hpp"
#include "server/server.hpp"
#include "server/service.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <system_error>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>

namespace {

using namespace echod;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Options {
    std::string config_path; ///< empty: the default place, where a missing file means the defaults
    bool check_config = false;
    bool print_config = false;
    std::string control_path; ///< empty: the default place, which need not exist
    bool reload = false;
    bool status = false;
    std::string stats; ///< "json" or "openmetrics"
};

// The exit status of a command whose answer is on standard output: a full disk is a failure.
int flush_output() {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
        return 0;
    }
    std::perror("echod: standard output");
    return kExitFailure;
}

// "--config $FILE" with FILE unset must not mean the default place.
std::string not_empty(const std::string& text) {
    return text.empty() ? "must not be empty" : "";
}

void add_options(CLI::App& app, Options& options) {
    app.get_formatter()->column_width(20);
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.set_version_flag("--version", "echod " ECHOD_VERSION, "Print the version and exit");
    app.add_option("--config", options.config_path,
                   fmt::format("Read the configuration from FILE [{}]", kDefaultConfigPath))
        ->check(not_empty)
        ->option_text("FILE");
    auto* check = app.add_flag("--check-config", options.check_config,
                               "Say whether the configuration is valid and exit with 0 or 78")
                      ->option_text(" ");
    auto* print = app.add_flag("--print-config", options.print_config,
                               "Print the configuration that is read, with every key, as TOML and "
                               "exit")
                      ->option_text(" ")
                      ->excludes(check);
    app.add_option(
           "--control", options.control_path,
           fmt::format("Serve, or ask, the control socket SOCKET [{}]", kDefaultControlPath))
        ->check(not_empty)
        ->option_text("SOCKET");
    // The group's title says that they exclude each other; option_text() keeps CLI11 from adding so
    // to each of them.
    const char* const group = "Asking the running daemon (one of these)";
    auto* reload = app.add_flag("--reload", options.reload,
                                "Have it read its configuration again; exit with 0 once that is in "
                                "force,\nwith 1 where it was refused")
                       ->group(group)
                       ->option_text(" ")
                       ->excludes(check, print);
    auto* status = app.add_flag("--status", options.status, "Print its state, for a person")
                       ->group(group)
                       ->option_text(" ")
                       ->excludes(check, print, reload);
    app.add_option("--stats", options.stats,
                   "Print its state, for a program; FORMAT is json or openmetrics")
        ->check(CLI::IsMember({"json", "openmetrics"}))
        ->group(group)
        ->option_text("FORMAT")
        ->excludes(check, print, reload, status);
    app.footer(
        "Exit status: 0 stopped as asked, or answered; 1 failure; 2 wrong usage; 75 connections\n"
        "handed over; 78 invalid configuration.\n"
        "Signals: SIGTERM and SIGINT drain and stop (a second one: at once), SIGHUP reloads,\n"
        "SIGUSR1 logs a line of statistics, SIGUSR2 leaves the connections with the service "
        "manager\n"
        "for the next process and exits. See echod(8), echod.toml(5).");
}

Config read_config(const Options& options, bool& is_default) {
    const std::string path(options.config_path.empty() ? kDefaultConfigPath : options.config_path);
    // Only what is not there may be missing: what cannot be reached is an error to tell.
    is_default = options.config_path.empty() && ::access(path.c_str(), F_OK) != 0 &&
                 (errno == ENOENT || errno == ENOTDIR);
    return is_default ? Config{} : load_config(path);
}

// A socket that got the number 2 would be sent the log.
void open_standard_streams() {
    int fd = 0;
    do {
        fd = ::open("/dev/null", O_RDWR | O_NOCTTY); // NOLINT: inherited on purpose
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        ::close(fd);
    }
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max; // select(2) is not used here: nothing needs the soft limit
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// A configuration that is refused at a restart must not cost the connections that wait to be taken
// over: what was in force before goes on, and the errors are told.
std::optional<Config> config_of_predecessor(const Inheritance& inheritance) {
    try {
        const StateFile file(inheritance.state.get());
        return parse_config(decode_state(file.bytes()).config,
                            "(configuration of the process before)");
    } catch (const std::runtime_error&) {
        return std::nullopt; // there is none that can be read
    }
}

// The command for the running daemon; empty where this process is to be the daemon.
std::string command_of(const Options& options) {
    if (options.reload) {
        return "reload";
    }
    if (options.status) {
        return "status";
    }
    return options.stats.empty() ? "" : "stats " + options.stats;
}

int ask(const Options& options) {
    const std::string path(options.control_path.empty() ? kDefaultControlPath
                                                        : options.control_path);
    const ControlAnswer answer = ask_daemon(path, command_of(options), std::chrono::seconds(30));
    // The daemon has logged what it says of a reload: where this is ExecReload=, the journal has
    // it.
    const bool told = options.reload && is_journal(answer.ok ? STDOUT_FILENO : STDERR_FILENO);
    if (!told) {
        fmt::print(answer.ok ? stdout : stderr, "{}", answer.text);
    }
    return answer.ok ? flush_output() : kExitFailure;
}

// The default place belongs to the service; a daemon started by hand does without, and so does one
// that would lose the connections which wait to be taken over.
void open_control(Server& server, const Options& options, bool inherits, Log& log) {
    const bool named = !options.control_path.empty();
    try {
        server.open_control(named ? options.control_path : std::string(kDefaultControlPath));
    } catch (const std::runtime_error& error) { // std::system_error is one
        if (!named) {
            log->info("no control socket: {}, ignoring", error.what());
        } else if (inherits) {
            log->error("no control socket: {}; connections are taken over, so it goes on without",
                       error.what());
        } else {
            throw;
        }
    }
}

int show_config(const Options& options) {
    bool is_default = false;
    const Config config = read_config(options, is_default);
    if (options.print_config) {
        fmt::print("{}", format_config(config));
        return flush_output();
    }
    fmt::print("{}: {}\n", options.config_path.empty() ? kDefaultConfigPath : options.config_path,
               is_default ? "does not exist; the defaults are ok" : "ok");
    return flush_output();
}

// What is known before there is a log to tell it to.
struct Start {
    PassedDescriptors passed;
    std::string passed_error; ///< why what was passed cannot be served
    Config config;
    bool is_default = false;          ///< there is no configuration file
    std::vector<std::string> refused; ///< what is wrong with the file, where it is not `config`
};

Start prepare(const Options& options) {
    Start start;
    try {
        start.passed = take_passed_descriptors();
    } catch (const std::exception& error) {
        start.passed_error = error.what();
    }
    try {
        start.config = read_config(options, start.is_default);
    } catch (const ConfigError& error) {
        const std::optional<Config> before = config_of_predecessor(start.passed.inheritance);
        if (!before) {
            throw;
        }
        start.config = *before;
        start.refused = error.lines();
    }
    return start;
}

void tell(const Start& start, Log& log) {
    log.entry(LogLevel::info, message_id::kStart, {}, "echod " ECHOD_VERSION " starts");
    for (const std::string& line : start.refused) {
        log.entry(LogLevel::error, message_id::kReloadFailed, {}, line);
    }
    if (!start.refused.empty()) {
        log.entry(LogLevel::error, message_id::kReloadFailed, {},
                  "the configuration is refused: the one before it stays in force, because "
                  "connections are taken over");
    }
    if (start.is_default) {
        log->info("{} does not exist: the defaults are in force", kDefaultConfigPath);
    }
}

// Sockets that cannot be opened at a restart must not cost the connections either: those of the
// process before are served on.
std::vector<Listener> own_listeners_of(Start& start, Log& log) {
    PassedDescriptors& passed = start.passed;
    try {
        return open_listeners(start.config.listen, std::move(passed.own_listeners));
    } catch (const std::system_error& error) {
        if (!passed.inheritance || passed.own_listeners.empty()) {
            throw;
        }
        log.entry(LogLevel::error, message_id::kReloadFailed, {}, error.what());
        log.entry(LogLevel::error, message_id::kReloadFailed, {},
                  "listen.addresses, port and backlog are those of the process before, because "
                  "connections are taken over");
        if (const auto before = config_of_predecessor(passed.inheritance)) {
            start.config.listen = before->listen;
        }
        return std::move(passed.own_listeners);
    }
}

std::vector<Listener> listeners_of(Start& start, Log& log) {
    PassedDescriptors& passed = start.passed;
    if (passed.listeners.empty()) {
        return own_listeners_of(start, log);
    }
    log->info("{} sockets were passed by the service manager: listen.addresses, port and backlog "
              "are not used, ignoring",
              passed.listeners.size());
    for (const Listener& listener : passed.own_listeners) {
        log->info("{} was opened by the process before and is closed: sockets are passed now",
                  listener.name);
    }
    passed.own_listeners.clear();
    return std::move(passed.listeners);
}

int serve(const Options& options) {
    // Standard error may be a pipe whose reader goes away: a line lost, no reason to end.
    ::signal(SIGPIPE, SIG_IGN);
    Start start = prepare(options);
    Log log(start.config.log.target, start.config.log.level);
    tell(start, log);
    if (!start.passed_error.empty()) {
        log.entry(LogLevel::error, message_id::kStartFailed, {}, start.passed_error);
        return kExitFailure;
    }
    bool serves = false;
    try {
        raise_descriptor_limit();
        const auto load = [&options, &log] {
            bool is_default = false;
            Config config = read_config(options, is_default);
            if (is_default) {
                log->info("{} does not exist: the defaults are in force", kDefaultConfigPath);
            }
            return config;
        };
        // What can fail comes first, the point from which there is no way back after it.
        std::vector<Listener> listeners = listeners_of(start, log);
        Server server(start.config, load, std::move(listeners), log);
        open_control(server, options, static_cast<bool>(start.passed.inheritance), log);
        if (start.passed.inheritance) {
            server.take_over(std::move(start.passed.inheritance));
        }
        if (start.passed.stored) {
            server.empty_store();
        }
        serves = true;
        return server.run() == Server::Ended::stopped ? 0 : EX_TEMPFAIL;
    } catch (const std::exception& error) {
        if (serves) {
            log->error("{}", error.what());
        } else {
            log.entry(LogLevel::error, message_id::kStartFailed, {}, error.what());
        }
        return kExitFailure;
    }
}

// Before there is a log. In the journal a line is an error by its prefix (sd-daemon(3)); without,
// it would be one of level info.
void complain(std::string_view line) {
    fmt::print(stderr, "{}{}\n", is_journal(STDERR_FILENO) ? "<3>" : "", line);
}

// The lines before it name what is wrong: they went through the stream that the journal always
// knows the unit of, which it may not of a datagram whose sender is gone already.
void tell_start_failed() {
    if (is_journal(STDERR_FILENO)) {
        Log(LogTarget::journal, LogLevel::error)
            .entry(LogLevel::error, message_id::kStartFailed, {},
                   "start failed: the configuration is not valid");
    }
}

} // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what the reports below might throw ends the process.
int main(int argc, char** argv) {
    // A signal that comes while the daemon starts is for the loop, not for the kernel to kill it.
    const sigset_t blocked_before = block_signals(Server::kSignals);
    open_standard_streams();
    Options options;
    CLI::App app("echod: a TCP echo daemon for framed messages", "echod");
    try {
        add_options(app, options);
        app.parse(argc, argv);
        const bool shows_config = options.check_config || options.print_config;
        if (!shows_config && command_of(options).empty()) {
            return serve(options);
        }
        restore_signals(blocked_before);
        return shows_config ? show_config(options) : ask(options);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            app.exit(error); // --help, --version
            return flush_output();
        }
        std::string why = error.what();
        std::replace(why.begin(), why.end(), '\n', ' '); // an argument may hold any byte
        complain(fmt::format("echod: {}; see echod --help", why));
        return kExitUsage;
    } catch (const ConfigError& error) {
        for (const std::string& line : error.lines()) {
            complain(line);
        }
        if (!options.check_config && !options.print_config) {
            tell_start_failed();
        }
        return EX_CONFIG;
    } catch (const std::exception& error) {
        complain(fmt::format("echod: {}", error.what()));
        return kExitFailure;
    }
}
