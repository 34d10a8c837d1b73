// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

namespace echoload {

namespace {

constexpr Duration kMaxInterval = std::chrono::hours(1000);
constexpr Duration kMinInterval = std::chrono::milliseconds(10);

} // namespace

void add_report_options(CLI::App& app, Options& options) {
    add(app, "--format", "of the result: text or json (text)", "FORMAT",
        [&options](const std::string& text) {
            if (text != "text" && text != "json") {
                throw CLI::ValidationError(fmt::format("must be text or json, is '{}'", text));
            }
            options.format = text == "json" ? Format::json : Format::text;
        });
    app.add_option("-o,--output", options.output, "write the result there, not to standard output")
        ->type_name("FILE");
    add(app, "--interval",
        "how often to say on standard error how it goes (1s on a terminal, else never)", "T",
        [&options](const std::string& text) {
            options.interval = duration_in(text, kMinInterval, kMaxInterval);
        });
    app.add_flag("-q,--quiet", options.quiet,
                 "say nothing while it runs, and no text result unless something is wrong");
}

} // namespace echoload
