// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

#include <limits>

namespace echoload {

namespace {

constexpr Duration kMaxInterval = std::chrono::hours(1000);
constexpr Duration kMinInterval = std::chrono::milliseconds(10);

} // namespace

void add_report_options(CLI::App& app, Options& options) {
    add(app, "--format", "of the result: text or json [text]", "FORMAT",
        [&options](const std::string& text) {
            if (text != "text" && text != "json") {
                throw CLI::ValidationError(fmt::format("must be text or json, is '{}'", text));
            }
            options.format = text == "json" ? Format::json : Format::text;
        });
    app.add_option("-o,--output", options.output, "write the result there, not to standard output")
        ->type_name("FILE");
    app.add_option("--timeseries", options.timeseries,
                   "write a line of JSON there for each interval (1s without --interval)")
        ->type_name("FILE");
    app.add_option("--hdr", options.hdr, "write the latency there in HdrHistogram's text form")
        ->type_name("FILE");
    app.add_option("--report", options.report,
                   "write the result there as a page of HTML with charts")
        ->type_name("FILE");
    add(app, "--interval",
        "how often to say on standard error how it goes [1s on a terminal, else never]", "T",
        [&options](const std::string& text) {
            options.interval = duration_in(text, kMinInterval, kMaxInterval);
        });
    CLI::Option* const pid =
        add(app, "--server-pid", "look at the CPU, memory and descriptors of that process", "PID",
            [&options](const std::string& text) {
                options.server_pid =
                    static_cast<int>(count_in(text, 1, std::numeric_limits<int>::max()));
            });
    app.add_option("--server-unit", options.server_unit,
                   "look at those of the main process of that systemd unit")
        ->type_name("UNIT")
        ->excludes(pid);
    app.add_flag("-q,--quiet", options.quiet,
                 "say nothing while it runs, and no text result unless something is wrong");
    app.add_option_function<std::vector<std::string>>(
           "--slo",
           [&options](const std::vector<std::string>& texts) {
               for (const std::string& text : texts) {
                   options.gates.latency.push_back(
                       read_named("--slo", [&] { return LatencyGate::parse(text); }));
               }
           },
           "limit of a latency: pN=T, mean=T or max=T; several by commas")
        ->type_name("FIGURE=T,...")
        ->delimiter(',')
        ->allow_extra_args(false);
    add(app, "--max-error-rate", "limit of messages without a right echo, and failed connections",
        "PERCENT",
        [&options](const std::string& text) { options.gates.max_error_rate = parse_share(text); });
}

} // namespace echoload
