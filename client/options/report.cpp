// SPDX-License-Identifier: MIT
#include "base/units.hpp"
#include "client/options/groups.hpp"
#include "client/options/output_names.hpp"

#include <limits>

namespace echoload {

namespace {

constexpr Duration kMaxInterval = std::chrono::hours(1000);
constexpr Duration kLongestJudged = std::chrono::seconds(1);
constexpr Duration kMinInterval = std::chrono::milliseconds(10);

// "99.9" or "p99.9".
double percentile_in(std::string_view text) {
    const bool has_prefix = text.starts_with('p');
    const auto figure =
        LatencyFigure::parse(has_prefix ? std::string(text) : fmt::format("p{}", text));
    if (!figure) {
        throw std::invalid_argument(
            fmt::format("must be percentiles above 0 and below 100, as in 50,99.9, is '{}'", text));
    }
    return figure->percent;
}

} // namespace

void add_output_options(OptionReader& reader, Options& options) {
    reader.add_choice("--format",
                      "Format of the result: " + echod::enum_choices<Format>() + " [text]",
                      "FORMAT", options.format);
    reader.add_text("-o,--output", "Write the result to FILE; - is standard output [-]", "FILE",
                    options.output);
    reader.add_text("--timeseries",
                    "Write a line of JSON per interval to FILE (1s without --interval)", "FILE",
                    options.timeseries);
    reader.add_text("--hdr", "Write the latency to FILE in the text format of HdrHistogram", "FILE",
                    options.hdr);
    reader.add_text("--report", "Write the result to FILE as an HTML page with charts", "FILE",
                    options.report);
    reader.add("--interval", "Interval between progress lines on standard error [1s]", "T",
               [&options](const std::string& text) {
                   options.interval = duration_in(text, kMinInterval, kMaxInterval);
               });
}

void add_gate_options(OptionReader& reader, Options& options) {
    reader.add("--server-pid", "Report the CPU, memory and descriptors of process PID", "PID",
               [&options](const std::string& text) {
                   options.server_pid =
                       static_cast<int>(count_in(text, 1, std::numeric_limits<int>::max()));
               });
    reader.add_text("--server-unit", "Report those of the main process of systemd unit UNIT",
                    "UNIT", options.server_unit);
    reader.exclude("--server-unit", "--server-pid");
    reader.add_flag("-q,--quiet", "Print no progress, and no text result unless something is wrong",
                    options.quiet);
    reader.add_list(
        "--slo", "What must hold, separated by commas, as in p99<5ms,rate>=10k,errors<0.1%,lost<=0",
        "CONDITION,...", [&options](const std::string& text) {
            options.gates.push_back(Condition::parse_required(text));
        });
    reader.add_list("--abort-on",
                    "What ends the run when it holds, judged once a second, as in p99>1s,errors>5%",
                    "CONDITION,...", [&options](const std::string& text) {
                        options.abort_on.push_back(Condition::parse_ending(text));
                    });
    reader.add("--max-error-rate",
               "Limit of the share of messages without a correct echo, and of failed connections",
               "PERCENT", [&options](const std::string& text) {
                   options.gates.push_back(error_rate_gate(parse_share(text)));
               });
}

void add_percentiles_option(OptionReader& reader, Options& options) {
    reader.add_list("--percentiles",
                    "Percentiles to print, separated by commas, in place of the usual ones",
                    "N,...", [&options](const std::string& text) {
                        options.percentiles.push_back(percentile_in(text));
                    });
}

void check_report_options(const Options& options) {
    for (const Condition& gate : options.gates) {
        if (gate.figure.is_of_outages() && !options.reconnect) {
            throw std::invalid_argument(fmt::format(
                "--slo {} requires --reconnect: outages are noted only with it", gate.text));
        }
    }
    if (!options.abort_on.empty() && options.interval && *options.interval > kLongestJudged) {
        throw std::invalid_argument(
            fmt::format("--abort-on is judged once a second and requires an --interval of at most "
                        "1s, not {}",
                        echod::format_duration(*options.interval)));
    }
    const std::string standard_output;
    require_different_files({{"--output", options.output == "-" ? standard_output : options.output},
                             {"--timeseries", options.timeseries},
                             {"--metrics-file", options.metrics_file},
                             {"--hdr", options.hdr},
                             {"--report", options.report}});
}

} // namespace echoload
