// SPDX-License-Identifier: MIT
#include "base/units.hpp"
#include "client/capacity/sweep.hpp"
#include "client/options/groups.hpp"
#include "client/options/output_names.hpp"
#include "client/options/parse.hpp"

#include <stdexcept>

namespace echoload {

namespace {

constexpr std::uint64_t kMostRepeats = 99;
constexpr std::uint64_t kMostSweepRuns = 1000;
constexpr std::uint64_t kMostPoints = 1000;
constexpr double kFinest = 0.001;
constexpr double kCoarsest = 1;

constexpr const char* kSearchDescription =
    "Finds the highest rate at which all conditions of --slo hold, by runs of an open loop: the\n"
    "rate is doubled until it does not hold, then the edge is enclosed.";

constexpr const char* kSearchFooter = R"(
A run lasts -d [5s] after --warmup [1s], and longer where a percentile needs more messages. A line per
run goes to standard error. Where echoload itself was the bottleneck, that is not called the limit of
the server.

Exit status: 0 a rate was found; 1 a run was not possible; 2 wrong usage; 3 not even the lowest rate
holds; 4 an echo was wrong; 5 nothing could be measured; 129, 130, 131 or 143 interrupted.
Example: echoload search --slo 'p99<5ms,errors<0.1%' 127.0.0.1:8007
)";

constexpr const char* kSweepDescription = "Runs a load at several rates, or with several numbers "
                                          "of connections, and reports the latency\n"
                                          "over them.";

constexpr const char* kSweepFooter = R"(
A run lasts -d [5s] after --warmup [1s]. A line per run goes to standard error.

Exit status: 0 all points were run; 1 a run was not possible; 2 wrong usage; 3 a condition does not
hold at a point; 4 an echo was wrong; 5 nothing could be measured; 6 a condition is undecided at a
point; 129, 130, 131 or 143 interrupted.
Example: echoload sweep --rates 1k:50k:10 --report sweep.html 127.0.0.1:8007
)";

void set_capacity_defaults(Options& load) {
    load.seed = random_seed();
    load.duration = std::chrono::seconds(5);
    load.warmup = std::chrono::seconds(1);
}

void set_help_of_runs(RunOptionRules& rules) {
    rules.is_series = true;
    rules.duration = "5s";
    rules.warmup = "1s";
}

void add_capacity_output(OptionReader& reader, Options& load) {
    reader.begin_group("Result");
    reader.add("--format", "Format of the result: text or json [text]", "FORMAT",
               [&load](const std::string& text) {
                   if (text != "text" && text != "json") {
                       throw std::invalid_argument(
                           fmt::format("must be text or json, is '{}'", text));
                   }
                   load.format = choice_in<Format>(text);
               });
    reader.add_text("-o,--output", "Write the result to FILE; - is standard output [-]", "FILE",
                    load.output);
    reader.add_text("--report", "Write the result to FILE as an HTML page with charts", "FILE",
                    load.report);
    add_gate_options(reader, load);
}

// The options of a run that is not measured over a time of its own.
void refuse_other_lengths(OptionReader& reader, const char* command) {
    for (const char* name : {"--messages", "--replay"}) {
        reader.refuse(name, fmt::format("{} measures each run over --duration and excludes {}",
                                        command, name));
    }
}

void check_capacity(const char* command, const Options& load) {
    if (load.forever) {
        throw std::invalid_argument(
            fmt::format("--duration: each run of {} has an end, not 'forever'", command));
    }
    if (load.pace && (load.pace->is_ramp() || !load.pace->stages.empty())) {
        throw std::invalid_argument(
            fmt::format("{} needs a --rate that does not change during a run", command));
    }
    check_run_options(load);
    check_report_options(load);
}

void check_search(const SearchOptions& options) {
    check_capacity("search", options.load);
    if (options.load.gates.empty()) {
        throw std::invalid_argument("--slo is required: what must hold, as in p99<5ms");
    }
    if (options.range.lowest > options.range.highest) {
        throw std::invalid_argument(fmt::format("--from {:.0f} must not be above --to {:.0f}",
                                                options.range.lowest, options.range.highest));
    }
}

// "A:B:STEPS".
std::vector<double> points_in(const std::string& text, std::uint64_t highest) {
    const std::size_t first = text.find(':');
    const std::size_t second = first == std::string::npos ? first : text.find(':', first + 1);
    if (second == std::string::npos) {
        throw std::invalid_argument(
            fmt::format("must be A:B:STEPS, as in 1k:50k:10, is '{}'", text));
    }
    const auto from = static_cast<double>(count_in(text.substr(0, first), 1, highest));
    const auto to =
        static_cast<double>(count_in(text.substr(first + 1, second - first - 1), 1, highest));
    const auto steps = count_in(text.substr(second + 1), 1, kMostPoints);
    return even_points(from, to, static_cast<std::uint32_t>(steps));
}

// "N" or "A:B:STEPS".
void read_swept_connections(const std::string& text, SweepOptions& options) {
    if (text.find(':') == std::string::npos) {
        options.load.connections = connections_in(text);
        return;
    }
    options.connections = points_in(text, kMaxConnections);
    options.load.connections = static_cast<std::uint32_t>(
        std::min(options.connections.front(), options.connections.back()));
}

void check_sweep(const SweepOptions& options) {
    if (options.rates.empty() == options.connections.empty()) {
        throw std::invalid_argument(
            "either --rates A:B:STEPS or --connections A:B:STEPS is required: what to sweep");
    }
    if (!options.rates.empty() && (options.load.pace || options.load.think != Duration::zero())) {
        throw std::invalid_argument("--rates sets the rate and excludes --rate and --think");
    }
    check_capacity("sweep", options.load);
}

} // namespace

std::variant<SearchOptions, NoRun> parse_search(int argc, const char* const* argv) {
    SearchOptions options;
    set_capacity_defaults(options.load);
    OptionReader reader("echoload search", kSearchDescription);
    reader.set_footer(kSearchFooter);
    reader.begin_group("Search");
    const auto rate = [&reader](const char* name, const char* help, double& value) {
        reader.add(name, help, "N", [&value](const std::string& text) {
            value = static_cast<double>(count_in(text, 1, kMaxRate));
        });
    };
    rate("--from", "The lowest rate, in messages per second [1k]", options.range.lowest);
    rate("--to", "The highest rate [1M]", options.range.highest);
    reader.add("--precision", "How far apart the rates at the edge may be, 0.1% to 100% [3%]",
               "PERCENT", [&options](const std::string& text) {
                   options.range.precision = parse_share(text);
                   if (options.range.precision < kFinest || options.range.precision > kCoarsest) {
                       throw std::invalid_argument(
                           fmt::format("must be 0.1% to 100%, is '{}'", text));
                   }
               });
    reader.add("--repeats", "Runs that decide by majority that a rate does not hold; odd [3]", "N",
               [&options](const std::string& text) {
                   options.range.repeats =
                       static_cast<std::uint32_t>(count_in(text, 1, kMostRepeats));
                   if (options.range.repeats % 2 == 0) {
                       throw std::invalid_argument(fmt::format("must be odd, is '{}'", text));
                   }
               });
    RunOptionRules rules;
    rules.sets_rate = true;
    set_help_of_runs(rules);
    add_run_options(reader, options.load, rules);
    refuse_other_lengths(reader, "search");
    for (const char* name : {"--rate", "--think"}) {
        reader.refuse(name, fmt::format("search chooses the rate, between --from and --to, and "
                                        "excludes {}",
                                        name));
    }
    add_capacity_output(reader, options.load);
    if (auto none = reader.read(argc, argv, [&options] { check_search(options); })) {
        return *none;
    }
    return options;
}

std::variant<SweepOptions, NoRun> parse_sweep(int argc, const char* const* argv) {
    SweepOptions options;
    set_capacity_defaults(options.load);
    OptionReader reader("echoload sweep", kSweepDescription);
    reader.set_footer(kSweepFooter);
    reader.begin_group("Sweep");
    reader.add("--rates", "STEPS rates from A to B at even intervals, in messages per second",
               "A:B:STEPS",
               [&options](const std::string& text) { options.rates = points_in(text, kMaxRate); });
    reader.add("--runs", "Number of runs at each point, of which the medians are shown [1]", "N",
               [&options](const std::string& text) {
                   options.runs = static_cast<std::uint32_t>(count_in(text, 1, kMostSweepRuns));
               });
    RunOptionRules rules;
    rules.rates = "--rates";
    set_help_of_runs(rules);
    rules.connections = [&options](const std::string& text) {
        read_swept_connections(text, options);
    };
    rules.connections_type = "N|A:B:STEPS";
    add_run_options(reader, options.load, rules);
    refuse_other_lengths(reader, "sweep");
    add_capacity_output(reader, options.load);
    if (auto none = reader.read(argc, argv, [&options] { check_sweep(options); })) {
        return *none;
    }
    return options;
}

} // namespace echoload
