// SPDX-License-Identifier: MIT
#include "client/options/groups.hpp"

#include <stdexcept>

namespace echoload {

void add_probe_options(OptionReader& reader, Options& options) {
    reader.add("--metrics", "Serve metrics for Prometheus at http://ADDR:PORT/metrics [127.0.0.1]",
               "[ADDR:]PORT", [&options](const std::string& text) {
                   options.metrics = echod::parse_listen_address(text, "127.0.0.1");
                   if (!options.metrics) {
                       throw std::invalid_argument(fmt::format(
                           "must be PORT, ADDRESS:PORT or [ADDRESS]:PORT with a numeric address "
                           "and a port of 0 to 65535, is '{}'",
                           text));
                   }
               });
    reader.add_text("--metrics-file",
                    "Replace FILE by the metrics once an interval, for node_exporter", "FILE",
                    options.metrics_file);
    reader.add_flag("--journal", "Log the figures of each interval to the journal",
                    options.journal);
    reader.add_flag("--append",
                    "Add to the file of --timeseries; SIGHUP opens it again and does not end the "
                    "run",
                    options.append);
    reader.need("--append", "--timeseries");
}

} // namespace echoload
