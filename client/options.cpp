// SPDX-License-Identifier: MIT
#include "client/options.hpp"

#include "client/option_reader.hpp"

#include <memory>
#include <random>

namespace echoload {

namespace {

constexpr int kUsageError = 2;

constexpr const char* kDescription = "echoload sends random messages to echo servers, verifies "
                                     "every echo byte for byte and reports\n"
                                     "rate, latency and errors.";

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

// Descriptions in lines of at most 100 columns, and no word on what excludes what beside the name:
// where it matters the description says it, and the error does.
class HelpFormatter : public CLI::Formatter {
public:
    HelpFormatter() { column_width(kColumn); }

private:
    static constexpr std::size_t kColumn = 28;
    static constexpr std::size_t kWidth = 100 - kColumn;

    std::string make_option_opts(const CLI::Option* option) const override {
        const std::string type = option->get_type_name();
        return type.empty() ? "" : " " + type;
    }

    std::string make_option_desc(const CLI::Option* option) const override {
        std::string text = option->get_description();
        std::size_t begin = 0;
        while (text.size() - begin > kWidth) {
            const std::size_t space = text.rfind(' ', begin + kWidth);
            if (space == std::string::npos || space <= begin) {
                break; // one word that is longer than that
            }
            text[space] = '\n';
            begin = space + 1;
        }
        return text;
    }
};

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
    app.formatter(std::make_shared<HelpFormatter>());
    app.footer(kFooter);
    app.set_version_flag("--version", std::string("echoload ") + ECHOD_VERSION);
    const auto group = [&app](const char* title) { app.option_defaults()->group(title); };
    group("Load");
    add_load_options(app, options);
    group("Pace");
    add_pace_options(app, options);
    group("Connections");
    add_ending_options(app, options);
    group("Verification and framing");
    add_verify_options(app, options);
    group("Misbehaving connections");
    add_abuse_options(app, options);
    group("Result");
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
