// SPDX-License-Identifier: MIT
#include "client/options/output_names.hpp"
#include "client/options/parse.hpp"
#include "client/options/reader.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace echoload {

namespace {

constexpr const char* kMergeDescription =
    "Merges the results of several machines that ran at the same time into one: adds counts,\n"
    "buckets and rates. The worst verdict is the verdict and the exit status. Results that\n"
    "are not parts of one run are refused. Of --part, parts without a result are reported.";

constexpr const char* kCompareDescription =
    "Prints the figures of A and B and the difference of B from A, as A B of one run each, as\n"
    "A... -- B... of several runs each, or as FILE of echoload repeat --ab. Of six runs a side or\n"
    "more: medians, and the 95 % interval of their difference.";

constexpr const char* kCompareFooter = R"(
FIGURE is rate, bytes, errors, lost, outages, outage, or pN, min, mean or max of the latency. A
prefix selects the latency: service.p99, response.p99, connect.p99. A percentage is the change from
A to B (of errors with a sign: errors>+10%), another value is one of B. Example:
--fail-if 'p99>+10%,rate<-5%' --fail-if 'p99>5ms'.

A condition holds if the whole interval is beyond its limit, does not hold if the whole interval is
within, and is undecided otherwise and with fewer than six runs a side.

Exit status: 0 compared; 2 wrong usage, a file is not a result, or the results are of different
loads; 3 a --fail-if condition holds, or with --fail-if, the verdict of a run of A or B is worse
than a failed gate; 6 a condition is undecided.
)";

// Stands for the argument "--", which the parser would drop. There is no such file.
constexpr const char* kSeparator = "/dev/null/--";

// Divides the operands into those of A and of B. Throws std::invalid_argument.
void divide(const std::vector<std::string>& files, CompareOptions& options) {
    const auto separator = std::find(files.begin(), files.end(), kSeparator);
    if (separator != files.end()) {
        options.before.assign(files.begin(), separator);
        options.after.assign(separator + 1, files.end());
        if (std::find(separator + 1, files.end(), kSeparator) != files.end()) {
            throw std::invalid_argument("-- may be given once, between the files of A and of B");
        }
        if (options.before.empty() || options.after.empty()) {
            throw std::invalid_argument("files of both A and B are required, as A... -- B...");
        }
        return;
    }
    if (files.size() > 2) {
        throw std::invalid_argument(fmt::format(
            "{} files without -- between those of A and of B, as A... -- B...", files.size()));
    }
    options.before = {files.front()};
    options.after.assign(files.begin() + 1, files.end());
}

constexpr const char* kShowDescription =
    "Prints the result of a run, or a merged one, as the run itself printed it.";

// Each result as JSON, a page or a histogram is a file of its own.
void check_show_options(const ShowOptions& options) {
    const std::string standard_output;
    require_different_files({{"--output", options.output == "-" ? standard_output : options.output},
                             {"--hdr", options.hdr},
                             {"--report", options.report}});
    const bool of_one =
        options.format == Format::json || !options.hdr.empty() || !options.report.empty();
    if (of_one && options.files.size() > 1) {
        throw std::invalid_argument(fmt::format(
            "{} takes one FILE, {} are given (echoload merge makes one result of several)",
            !options.hdr.empty()      ? "--hdr"
            : !options.report.empty() ? "--report"
                                      : "--format json",
            options.files.size()));
    }
}

} // namespace

std::variant<MergeOptions, NoRun> parse_merge(int argc, const char* const* argv) {
    MergeOptions options;
    OptionReader reader("echoload merge", kMergeDescription);
    reader.add_operands("FILE", "Results of --format json or of echoload merge", options.files);
    reader.add_text("-o,--output", "Write the result to FILE instead of standard output", "FILE",
                    options.output);
    reader.add_flag("--force", "Merge results that were not measured at the same time",
                    options.force);
    if (auto none = reader.read(argc, argv)) {
        return *none;
    }
    return options;
}

std::variant<CompareOptions, NoRun> parse_compare(int argc, const char* const* argv) {
    CompareOptions options;
    OptionReader reader("echoload compare", kCompareDescription);
    reader.set_footer(kCompareFooter);
    std::vector<std::string> files;
    reader.add_operands("A", "Files of --format json, echoload merge or echoload repeat: A, then B",
                        files);
    reader.add_list("--fail-if",
                    "Exit with status 3 if B differs from A by more; separate conditions by commas",
                    "FIGURE>+N%|FIGURE<-N%,...", [&options](const std::string& text) {
                        options.fail_if.push_back(Condition::parse_refused(text));
                    });
    reader.add_flag("--force", "Compare results of different loads, whose figures mean little",
                    options.force);
    reader.add_flag("--single-run", "Judge by one run a side, although the difference may be noise",
                    options.single_run);
    std::vector<const char*> arguments(argv, argv + argc);
    for (const char*& argument : arguments) {
        argument = std::string_view(argument) == "--" ? kSeparator : argument;
    }
    if (auto none = reader.read(argc, arguments.data(), [&] { divide(files, options); })) {
        return *none;
    }
    return options;
}

std::variant<ShowOptions, NoRun> parse_show(int argc, const char* const* argv) {
    ShowOptions options;
    OptionReader reader("echoload show", kShowDescription);
    reader.add_operands("FILE", "Results of --format json or of echoload merge", options.files);
    reader.add_choice("--format",
                      "Format of the result: " + echod::enum_choices<Format>() + " [text]",
                      "FORMAT", options.format);
    reader.add_text("-o,--output", "Write the result to FILE; - is standard output [-]", "FILE",
                    options.output);
    reader.add_text("--hdr", "Write the latency to FILE in the text format of HdrHistogram", "FILE",
                    options.hdr);
    reader.add_text("--report", "Write the result to FILE as an HTML page with charts", "FILE",
                    options.report);
    if (auto none = reader.read(argc, argv, [&options] { check_show_options(options); })) {
        return *none;
    }
    return options;
}

} // namespace echoload
