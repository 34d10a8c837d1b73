// SPDX-License-Identifier: MIT
#include "client/options/parse.hpp"
#include "client/options/reader.hpp"

namespace echoload {

namespace {

constexpr const char* kMergeDescription =
    "Merges the results of several machines that ran at the same time into one: adds counts,\n"
    "buckets and rates. The worst verdict is the verdict and the exit status. Results that\n"
    "are not parts of one run are refused.";

constexpr const char* kCompareDescription =
    "Prints the figures of results A and B and the difference of B from A.";

constexpr const char* kCompareFooter = R"(
FIGURE is rate, bytes, error-rate, or pN, min, mean or max of the latency. A prefix selects the
latency: service.p99, response.p99, connect.p99. Example: --fail-if 'p99>+10%' --fail-if 'rate<-5%'.

Exit status: 0 compared; 2 wrong usage, a file is not a result, or the results are of different
loads; 3 a --fail-if condition holds, or with --fail-if, the verdict of A or B is worse than a
failed gate.
)";

} // namespace

std::variant<MergeOptions, NoRun> parse_merge(int argc, const char* const* argv) {
    MergeOptions options;
    OptionReader reader("echoload merge", kMergeDescription);
    reader.add_operands("FILE", "Results of --format json or of echoload merge", options.files);
    reader.add_text("-o,--output", "Write the result to FILE instead of standard output", "FILE",
                    options.output);
    if (auto none = reader.read(argc, argv)) {
        return *none;
    }
    return options;
}

std::variant<CompareOptions, NoRun> parse_compare(int argc, const char* const* argv) {
    CompareOptions options;
    OptionReader reader("echoload compare", kCompareDescription);
    reader.set_footer(kCompareFooter);
    reader.add_operand("A", "Result of --format json or of echoload merge", options.before);
    reader.add_operand("B", "Result to compare with A", options.after);
    reader.add_list("--fail-if",
                    "Exit with status 3 if B differs from A by more; separate conditions by commas",
                    "FIGURE>+N%|FIGURE<-N%,...", [&options](const std::string& text) {
                        options.fail_if.push_back(Condition::parse_refused(text));
                    });
    reader.add_flag("--force", "Compare results of different loads, whose figures mean little",
                    options.force);
    if (auto none = reader.read(argc, argv)) {
        return *none;
    }
    return options;
}

} // namespace echoload
