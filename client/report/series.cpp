// SPDX-License-Identifier: MIT
#include "client/report/series.hpp"

#include "client/report/figures.hpp"
#include "client/report/latency_json.hpp"
#include "client/report/options_json.hpp"
#include "client/report/stored_result.hpp"

#include <span>

namespace echoload {

std::string series_head(const Options& options, Duration interval) {
    return write_json_line({{"schema", kJsonSchema},
                            {"program", "echoload"},
                            {"version", ECHOD_VERSION},
                            {"series", "intervals"},
                            {"interval_s", echod::to_seconds(interval)},
                            {"started", utc_text(std::chrono::system_clock::now())},
                            {"seed", options.seed},
                            {"asked", options_json(options)}});
}

std::string series_line(const LiveInterval& interval) {
    const Tally& tally = interval.tally;
    const double length = echod::to_seconds(interval.length);
    const auto rate = [length](std::uint64_t count) {
        return length > 0 ? Json(static_cast<double>(count) / length) : Json(nullptr);
    };
    const auto of_open_loop = [&interval](Json value) {
        return interval.open_loop ? std::move(value) : Json(nullptr);
    };
    Json line = {{"at_s", echod::to_seconds(interval.at)},
                 {"length_s", length},
                 {"measured_s", or_null(seconds_of(interval.measured))},
                 {"open", interval.open},
                 {"messages_per_s", rate(tally.messages.verified)},
                 {"bytes_per_s", rate(tally.bytes.received)}};
    for (const auto& name : std::span(kMessageCounts).first(kIntervalCounts)) {
        line[name.key] = tally.messages.*name.count;
    }
    line["errors"] = tally.errors.total();
    line["outages"] = interval.reconnects ? Json(interval.outages_begun) : Json(nullptr);
    line["out_s"] = or_null(seconds_of(interval.out_since()));
    for (const auto& name : std::span(kOpenLoopCounts).first(kOpenLoopIntervalCounts)) {
        line[name.key] = of_open_loop(tally.messages.*name.count);
    }
    line["response"] = of_open_loop(latency_figures(tally.response));
    line["latency"] = latency_figures(tally.service);
    line["lag"] = of_open_loop(latency_figures(tally.lag));
    line["connect_latency"] = latency_figures(tally.connect);
    return write_json_line(line);
}

} // namespace echoload
