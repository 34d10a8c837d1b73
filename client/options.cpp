// SPDX-License-Identifier: MIT
#include "client/options.hpp"

#include "client/option_reader.hpp"

#include <random>

namespace echoload {

namespace {

constexpr int kUsageError = 2;

constexpr const char* kDescription =
    "echoload sends random messages to echo servers, verifies every echo byte for byte and "
    "reports rate, latency and errors.";

constexpr const char* kFooter = R"(
Numbers take k and M (10k, 1.5M); durations are 250us, 10ms, 30s, 5m, 1h.
echoload merge FILE... and echoload compare A B work on results: see echoload merge --help.
A connection that is lost is not replaced. SIGINT and SIGTERM end the run with its report.

Exit status: 0 all well; 1 the run was not possible; 2 wrong usage; 3 a gate failed; 4 an echo was
wrong; 5 the load was not delivered (connections failed or were lost, messages were not answered,
the rate was not kept); 130 or 143 interrupted. Where several apply: 4, then 130/143, then 1, then
5, then 3.
)";

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

std::optional<NoRun> read_command_line(CLI::App& app, int argc, const char* const* argv,
                                       const std::function<void()>& check) {
    try {
        app.parse(argc, argv);
        if (check) {
            check();
        }
    } catch (const CLI::CallForHelp&) {
        return NoRun{0, app.help(), ""};
    } catch (const CLI::CallForVersion& version) {
        return NoRun{0, std::string(version.what()) + "\n", ""};
    } catch (const CLI::ParseError& error) {
        return NoRun{
            kUsageError, "",
            fmt::format("echoload: {} (see {} --help)\n", one_line(error.what()), app.get_name())};
    }
    return std::nullopt;
}

std::variant<Options, NoRun> parse_options(int argc, const char* const* argv) {
    Options options;
    options.seed = random_seed();
    CLI::App app(kDescription, "echoload");
    app.get_formatter()->column_width(28);
    app.footer(kFooter);
    app.set_version_flag("--version", std::string("echoload ") + ECHOD_VERSION);
    add_load_options(app, options);
    add_pace_options(app, options);
    add_ending_options(app, options);
    add_verify_options(app, options);
    add_abuse_options(app, options);
    add_report_options(app, options);
    const auto check = [&options] {
        check_pace(options);
        check_verify_options(options);
        check_abuse_options(options);
    };
    if (auto none = read_command_line(app, argc, argv, check)) {
        return *none;
    }
    if (!options.duration && !options.messages) {
        options.duration = std::chrono::seconds(10);
    }
    return options;
}

} // namespace echoload
