// SPDX-License-Identifier: MIT
#include "client/options/groups.hpp"
#include "client/options/parse.hpp"

#include <stdexcept>

namespace echoload {

namespace {

constexpr std::uint64_t kMostRuns = 1000;
constexpr Duration kLongestPause = std::chrono::hours(24);

constexpr const char* kRepeatDescription =
    "Runs a load several times and writes all results to one file, from which echoload compare\n"
    "sees how much runs differ by chance. With --ab two servers take turns.";

constexpr const char* kRepeatFooter = R"(
Each run has a seed of its own, made of --seed. A line per run is printed. A signal ends the series;
the file then has the runs so far.

Exit status: that of the worst run: the first of 4, 129 to 143, 1, 5, 3 and 6, or 0; 2 wrong usage.
Example: echoload repeat --ab -d 5s -o ab.json old:8007 new:8007; echoload compare ab.json
)";

void check_repeat(const RepeatOptions& options) {
    if (options.ab && options.load.targets.size() != 2) {
        throw std::invalid_argument(fmt::format("--ab needs two targets, A and then B; there {} {}",
                                                options.load.targets.size() == 1 ? "is" : "are",
                                                options.load.targets.size()));
    }
    if (options.load.forever) {
        throw std::invalid_argument("--duration: each run of a series has an end, not 'forever'");
    }
    if (options.load.output.empty() || options.load.output == "-") {
        throw std::invalid_argument("--output is required and must be a file: standard output has "
                                    "a line per run");
    }
}

} // namespace

std::variant<RepeatOptions, NoRun> parse_repeat(int argc, const char* const* argv) {
    RepeatOptions options;
    Options& load = options.load;
    load.seed = random_seed();
    OptionReader reader("echoload repeat", kRepeatDescription);
    reader.set_footer(kRepeatFooter);
    reader.begin_group("Series");
    reader.add("--runs", "Number of runs, with --ab of each side; compare needs 6 [10]", "N",
               [&options](const std::string& text) {
                   options.runs = static_cast<std::uint32_t>(count_in(text, 1, kMostRuns));
               });
    reader.add("--pause", "Time between two runs [1s]", "T", [&options](const std::string& text) {
        options.pause = duration_in(text, Duration::zero(), kLongestPause);
    });
    reader.add_flag("--ab",
                    "Run the first TARGET (A) and the second (B) in turn, in blocks ABBA or BAAB",
                    options.ab);
    reader.add_text("-o,--output", "Write the results to FILE", "FILE", load.output);
    RunOptionRules rules;
    rules.is_series = true;
    add_run_options(reader, load, rules);
    reader.begin_group("Result");
    add_gate_options(reader, load);
    add_percentiles_option(reader, load);
    const auto check = [&options] {
        check_run_options(options.load);
        check_repeat(options);
        check_report_options(options.load);
    };
    if (auto none = reader.read(argc, argv, check)) {
        return *none;
    }
    set_default_length(load);
    return options;
}

} // namespace echoload
