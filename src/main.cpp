// SPDX-License-Identifier: MIT
// echod: command line, configuration, log, sockets, then the loop.
#include "server/config.hpp"
#include "server/listener.hpp"
#include "server/log.hpp"
#include "server/server.hpp"
#include "server/service.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

namespace {

using namespace echod;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Options {
    std::string config_path; ///< empty: the default place, where a missing file means the defaults
    bool check_config = false;
    bool print_config = false;
};

void add_options(CLI::App& app, Options& options) {
    app.set_version_flag("--version", "echod " ECHOD_VERSION, "Print the version and exit");
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.add_option("--config", options.config_path,
                   fmt::format("Read the configuration from FILE [{}]", kDefaultConfigPath))
        ->type_name("FILE");
    app.add_flag("--check-config", options.check_config,
                 "Say whether the configuration is valid and exit with 0 or 78");
    app.add_flag("--print-config", options.print_config,
                 "Print the configuration in force, with every key, as TOML and exit");
    app.footer("Exit status: 0 stopped as asked, 1 failure, 2 usage, 78 invalid configuration.\n"
               "Signals: SIGTERM, SIGINT drain and stop (twice: at once), SIGHUP reloads,\n"
               "SIGUSR1 logs a line of statistics. See echod(8), echod.toml(5).");
}

Config read_config(const Options& options, bool& is_default) {
    const std::string path(options.config_path.empty() ? kDefaultConfigPath : options.config_path);
    is_default = options.config_path.empty() && ::access(path.c_str(), F_OK) != 0;
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

std::vector<Listener> take_or_open_listeners(const Config& config, Log& log) {
    std::vector<Listener> listeners = passed_listeners();
    if (listeners.empty()) {
        return open_listeners(config.listen);
    }
    log->info("{} sockets were passed by the service manager: listen.addresses, port and backlog "
              "are not used, ignoring",
              listeners.size());
    return listeners;
}

int serve(const Options& options) {
    bool is_default = false;
    const auto load = [&options, &is_default] { return read_config(options, is_default); };
    const Config config = load();
    if (options.check_config) {
        fmt::print("{}: {}\n",
                   options.config_path.empty() ? kDefaultConfigPath : options.config_path,
                   is_default ? "does not exist; the defaults are ok" : "ok");
        return 0;
    }
    if (options.print_config) {
        fmt::print("{}", format_config(config));
        return 0;
    }
    Log log(config.log.target, config.log.level);
    log.entry(LogLevel::info, message_id::kStart, {}, "echod " ECHOD_VERSION " starts");
    if (is_default) {
        log->info("{} does not exist: the defaults are in force", kDefaultConfigPath);
    }
    try {
        raise_descriptor_limit();
        Server server(config, load, take_or_open_listeners(config, log), log);
        server.run();
        return 0;
    } catch (const std::exception& error) {
        log->error("{}", error.what());
        return kExitFailure;
    }
}

} // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    Options options;
    CLI::App app("echod: a TCP echo daemon for framed messages", "echod");
    try {
        add_options(app, options);
        app.parse(argc, argv);
        return serve(options);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error); // --help, --version
        }
        fmt::print(stderr, "echod: {}; see echod --help\n", error.what());
        return kExitUsage;
    } catch (const ConfigError& error) {
        for (const std::string& line : error.lines()) {
            fmt::print(stderr, "{}\n", line);
        }
        return EX_CONFIG;
    } catch (const std::exception& error) {
        fmt::print(stderr, "echod: {}\n", error.what());
        return kExitFailure;
    }
}
