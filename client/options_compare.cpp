// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

namespace echoload {

namespace {

constexpr const char* kMergeDescription =
    "Makes one result of those of several machines that ran at the same time: counts, buckets and\n"
    "rates are added, the worst verdict counts and is the exit status.";

constexpr const char* kCompareDescription =
    "Shows the figures of two results and by how much B differs from A.";

constexpr const char* kCompareFooter = R"(
FIGURE is rate, bytes, error-rate, or pN, min, mean or max of the latency; service.p99, response.p99
and connect.p99 say which one. As in --fail-if 'p99>+10%' --fail-if 'rate<-5%'.

Exit status: 0 compared; 2 wrong usage, or a file that is no result; 3 a --fail-if holds.)";

} // namespace

std::variant<MergeOptions, NoRun> parse_merge(int argc, const char* const* argv) {
    MergeOptions options;
    OptionReader reader(kMergeDescription, "echoload merge");
    reader.add_operands("FILE", "results that --format json or merge wrote", options.files);
    reader.add_text("-o,--output", "Write the result to FILE [standard output]", "FILE",
                    options.output);
    if (auto none = reader.read(argc, argv)) {
        return *none;
    }
    return options;
}

std::variant<CompareOptions, NoRun> parse_compare(int argc, const char* const* argv) {
    CompareOptions options;
    OptionReader reader(kCompareDescription, "echoload compare");
    reader.set_footer(kCompareFooter);
    reader.add_operand("A", "a result that --format json or merge wrote", options.before);
    reader.add_operand("B", "another", options.after);
    reader.add_list("--fail-if", "Exit with 3 where B differs from A by more; several by commas",
                    "FIGURE>+N%|FIGURE<-N%,...", [&options](const std::string& text) {
                        options.fail_if.push_back(FailIf::parse(text));
                    });
    if (auto none = reader.read(argc, argv)) {
        return *none;
    }
    return options;
}

} // namespace echoload
