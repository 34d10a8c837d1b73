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
    CLI::App app(kMergeDescription, "echoload merge");
    app.add_option("FILE", options.files, "results that --format json or merge wrote")
        ->type_name("")
        ->required();
    app.add_option("-o,--output", options.output, "Write the result to FILE [standard output]")
        ->option_text("FILE");
    if (auto none = read_command_line(app, argc, argv)) {
        return *none;
    }
    return options;
}

std::variant<CompareOptions, NoRun> parse_compare(int argc, const char* const* argv) {
    CompareOptions options;
    CLI::App app(kCompareDescription, "echoload compare");
    app.footer(kCompareFooter);
    app.add_option("A", options.before, "a result that --format json or merge wrote")
        ->type_name("")
        ->required();
    app.add_option("B", options.after, "another")->type_name("")->required();
    app.add_option_function<std::vector<std::string>>(
           "--fail-if",
           [&options](const std::vector<std::string>& texts) {
               for (const std::string& text : texts) {
                   options.fail_if.push_back(
                       read_named("--fail-if", [&] { return FailIf::parse(text); }));
               }
           },
           "Exit with 3 where B differs from A by more; several by commas")
        ->option_text("FIGURE>+N%|FIGURE<-N%,...")
        ->delimiter(',')
        ->allow_extra_args(false);
    if (auto none = read_command_line(app, argc, argv)) {
        return *none;
    }
    return options;
}

} // namespace echoload
