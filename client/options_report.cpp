// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

#include <limits>

namespace echoload {

namespace {

constexpr Duration kMaxInterval = std::chrono::hours(1000);
constexpr Duration kMinInterval = std::chrono::milliseconds(10);

} // namespace

void add_report_options(OptionReader& reader, Options& options) {
    reader.add("--format", "of the result: text or json [text]", "FORMAT",
               [&options](const std::string& text) {
                   if (text != "text" && text != "json") {
                       throw std::invalid_argument(
                           fmt::format("must be text or json, is '{}'", text));
                   }
                   options.format = text == "json" ? Format::json : Format::text;
               });
    reader.add_text("-o,--output", "write the result there, not to standard output", "FILE",
                    options.output);
    reader.add_text("--timeseries",
                    "write a line of JSON there for each interval (1s without --interval)", "FILE",
                    options.timeseries);
    reader.add_text("--hdr", "write the latency there in HdrHistogram's text form", "FILE",
                    options.hdr);
    reader.add_text("--report", "write the result there as a page of HTML with charts", "FILE",
                    options.report);
    reader.add("--interval", "how often to say on standard error how it goes [1s]", "T",
               [&options](const std::string& text) {
                   options.interval = duration_in(text, kMinInterval, kMaxInterval);
               });
    reader.add("--server-pid", "look at the CPU, memory and descriptors of that process", "PID",
               [&options](const std::string& text) {
                   options.server_pid =
                       static_cast<int>(count_in(text, 1, std::numeric_limits<int>::max()));
               });
    reader.add_text("--server-unit", "look at those of the main process of that systemd unit",
                    "UNIT", options.server_unit);
    reader.exclude("--server-unit", "--server-pid");
    reader.add_flag("-q,--quiet",
                    "say nothing while it runs, and no text result unless something is wrong",
                    options.quiet);
    reader.add_list("--slo", "limit of a latency: pN=T, mean=T or max=T; several by commas",
                    "FIGURE=T,...", [&options](const std::string& text) {
                        options.gates.latency.push_back(LatencyGate::parse(text));
                    });
    reader.add("--max-error-rate", "limit of messages without a right echo, and failed connections",
               "PERCENT", [&options](const std::string& text) {
                   options.gates.max_error_rate = parse_share(text);
               });
}

} // namespace echoload
