// SPDX-License-Identifier: MIT
#include "client/compare/show.hpp"

#include "client/report/hdr.hpp"
#include "client/report/html.hpp"
#include "client/report/nagios.hpp"
#include "client/report/read.hpp"
#include "client/report/text.hpp"

namespace echoload {

namespace {

std::string histogram_text(const StoredResult& result) {
    const StoredLatency* const response = result.find_latency("response");
    const StoredLatency* const latency =
        response != nullptr ? response : result.find_latency("latency");
    return hdr_text(latency == nullptr ? Histogram() : latency->histogram);
}

std::string formatted(Format format, const StoredResult& result) {
    switch (format) {
    case Format::json:
        return write_json(result_json(result));
    case Format::nagios:
        return plugin_line(result);
    case Format::text:
        break;
    }
    return text_report(result);
}

} // namespace

ShownResult show_results(const ShowOptions& options) {
    ShownResult shown;
    for (const std::string& file : options.files) {
        const StoredResult result = read_result(file);
        if (options.files.size() > 1) {
            shown.result += (shown.result.empty() ? "" : "\n") + file + ":\n";
        }
        shown.result += formatted(options.format, result);
        if (!options.hdr.empty()) {
            shown.hdr = histogram_text(result);
        }
        if (!options.report.empty()) {
            shown.page = html_report(result, Timeline());
        }
    }
    return shown;
}

} // namespace echoload
