// SPDX-License-Identifier: MIT
#include "client/options.hpp"

#include "base/units.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <random>
#include <stdexcept>

namespace echoload {

namespace {

constexpr int kUsageError = 2;
constexpr std::uint64_t kMaxConnections = 1'000'000;
constexpr std::uint64_t kMaxPipeline = 65'536;
constexpr std::uint64_t kMaxMessages = 1'000'000'000'000'000;
constexpr std::uint64_t kMaxConnectRate = 10'000'000;
// What a JSON number carries exactly everywhere: 2^53 - 1.
constexpr std::uint64_t kMaxSeed = 9'007'199'254'740'991;
constexpr Duration kMaxTime = std::chrono::hours(1000);
constexpr Duration kMaxTimeout = std::chrono::hours(1);
constexpr Duration kMinTimeout = std::chrono::milliseconds(1);
constexpr Duration kMinInterval = std::chrono::milliseconds(10);

constexpr const char* kDescription =
    "echoload sends random messages to echo servers, verifies every echo byte for byte and "
    "reports rate, latency and errors.";

constexpr const char* kFooter = R"(
Numbers take k and M (10k, 1.5M); durations are 250us, 10ms, 30s, 5m, 1h.
A connection that is lost is not replaced. SIGINT and SIGTERM end the run with its report.

Exit status: 0 all well; 1 the run was not possible; 2 wrong usage; 4 an echo was wrong; 5 the load
was not delivered (connections failed or were lost, messages were not answered); 130 or 143
interrupted. Where several apply: 4, then 130/143, then 1, then 5.
)";

std::uint64_t count_in(const std::string& text, std::uint64_t low, std::uint64_t high) {
    const auto value = echod::parse_count(text);
    if (!value || *value < low || *value > high) {
        throw CLI::ValidationError(fmt::format("must be {} to {}, is '{}'", low, high, text));
    }
    return *value;
}

Duration duration_in(const std::string& text, Duration low, Duration high) {
    const auto value = echod::parse_duration(text);
    if (!value) {
        throw CLI::ValidationError(
            fmt::format("must be a number with ns, us, ms, s, m or h, is '{}'", text));
    }
    if (*value < low || *value > high) {
        throw CLI::ValidationError(fmt::format("must be {} to {}, is '{}'",
                                               echod::format_duration(low),
                                               echod::format_duration(high), text));
    }
    return *value;
}

// An option whose text `read` turns into a value or throws; the message is led by the option's
// names, so that it says which one was wrong.
template <class Read>
CLI::Option* add(CLI::App& app, const std::string& names, const std::string& help,
                 const std::string& type, Read read) {
    const auto guarded = [names, read](const std::string& text) {
        try {
            read(text);
        } catch (const CLI::ValidationError& error) {
            throw CLI::ValidationError(fmt::format("{}: {}", names, error.what()));
        } catch (const std::invalid_argument& error) {
            throw CLI::ValidationError(fmt::format("{}: {}", names, error.what()));
        }
    };
    return app.add_option_function<std::string>(names, guarded, help)->type_name(type);
}

void add_load_options(CLI::App& app, Options& options) {
    app.add_option("TARGET", options.targets,
                   "host:port, [v6-address]:port or unix:/path; several share the connections")
        ->type_name("")
        ->required();
    add(app, "-c,--connections", "connections open at the same time (50)", "N",
        [&options](const std::string& text) {
            options.connections = static_cast<std::uint32_t>(count_in(text, 1, kMaxConnections));
        });
    CLI::Option* const duration =
        add(app, "-d,--duration", "how long to measure, once all connections are up (10s)", "T",
            [&options](const std::string& text) {
                options.duration = duration_in(text, std::chrono::milliseconds(1), kMaxTime);
            });
    add(app, "-n,--messages", "messages to send in all, once all connections are up", "N",
        [&options](const std::string& text) { options.messages = count_in(text, 1, kMaxMessages); })
        ->excludes(duration);
    add(app, "-p,--pipeline", "messages in flight a connection (1)", "N",
        [&options](const std::string& text) {
            options.pipeline = static_cast<std::uint32_t>(count_in(text, 1, kMaxPipeline));
        });
    add(app, "--sizes",
        "of payloads: uniform:A-B, fixed:N, list:SIZE:WEIGHT,... or edges (uniform:0-1016)", "LAW",
        [&options](const std::string& text) { options.sizes = SizeLaw::parse(text); });
    add(app, "--seed", "of types, sizes and payloads; the same seed sends the same bytes (random)",
        "N", [&options](const std::string& text) { options.seed = count_in(text, 0, kMaxSeed); });
    add(app, "--timeout", "for a message's echo, and for connecting (10s)", "T",
        [&options](const std::string& text) {
            options.timeout = duration_in(text, kMinTimeout, kMaxTimeout);
        });
    add(app, "--connect-rate", "new connections a second (as fast as the server takes them)", "N",
        [&options](const std::string& text) {
            options.connect_rate = static_cast<double>(count_in(text, 1, kMaxConnectRate));
        });
    add(app, "--warmup", "verify, but do not measure, for so long first (0s)", "T",
        [&options](const std::string& text) {
            options.warmup = duration_in(text, Duration::zero(), kMaxTime);
        });
}

void add_report_options(CLI::App& app, Options& options) {
    add(app, "--format", "of the result: text or json (text)", "FORMAT",
        [&options](const std::string& text) {
            if (text != "text" && text != "json") {
                throw CLI::ValidationError(fmt::format("must be text or json, is '{}'", text));
            }
            options.format = text == "json" ? Format::json : Format::text;
        });
    app.add_option("-o,--output", options.output, "write the result there, not to standard output")
        ->type_name("FILE");
    add(app, "--interval",
        "how often to say on standard error how it goes (1s on a terminal, else never)", "T",
        [&options](const std::string& text) {
            options.interval = duration_in(text, kMinInterval, kMaxTime);
        });
    app.add_flag("-q,--quiet", options.quiet,
                 "say nothing while it runs, and no text result unless something is wrong");
}

std::uint64_t random_seed() {
    std::random_device device; // 32 bits: short enough to be typed again
    return device();
}

// CLI11 says "--seed: --seed: ..." in places and may add line breaks; one line is what is wanted.
std::string one_line(std::string text) {
    for (char& c : text) {
        c = c == '\n' ? ' ' : c;
    }
    return text;
}

} // namespace

std::variant<Options, NoRun> parse_options(int argc, const char* const* argv) {
    Options options;
    options.seed = random_seed();
    CLI::App app(kDescription, "echoload");
    app.get_formatter()->column_width(28);
    app.footer(kFooter);
    app.set_version_flag("--version", std::string("echoload ") + ECHOD_VERSION);
    add_load_options(app, options);
    add_report_options(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return NoRun{0, app.help(), ""};
    } catch (const CLI::CallForVersion& version) {
        return NoRun{0, std::string(version.what()) + "\n", ""};
    } catch (const CLI::ParseError& error) {
        return NoRun{kUsageError, "",
                     fmt::format("echoload: {} (see echoload --help)\n", one_line(error.what()))};
    }
    if (!options.duration && !options.messages) {
        options.duration = std::chrono::seconds(10);
    }
    return options;
}

} // namespace echoload
