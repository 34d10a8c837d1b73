// SPDX-License-Identifier: MIT
#include "client/report.hpp"
#include "client/report_json.hpp"

namespace echoload {

namespace {

std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

std::string series_head(const Options& options, Duration interval) {
    return line_of({{"schema", kJsonSchema},
                    {"program", "echoload"},
                    {"version", ECHOD_VERSION},
                    {"series", "intervals"},
                    {"interval_s", echod::to_seconds(interval)},
                    {"started", utc_text(std::chrono::system_clock::now())},
                    {"seed", options.seed},
                    {"asked", asked_json(options)}});
}

std::string series_line(const LiveInterval& interval) {
    const Tally& tally = interval.tally;
    const double length = echod::to_seconds(interval.length);
    const auto rate = [length](std::uint64_t count) {
        return length > 0 ? Json(static_cast<double>(count) / length) : Json(nullptr);
    };
    Json line = {
        {"at_s", echod::to_seconds(interval.at)},
        {"length_s", length},
        {"measured_s", interval.measured ? Json(echod::to_seconds(*interval.measured)) : Json()},
        {"open", interval.open},
        {"messages_per_s", rate(tally.messages.verified)},
        {"bytes_per_s", rate(tally.bytes.received)}};
    line["sent"] = tally.messages.sent;
    line["verified"] = tally.messages.verified;
    line["wrong"] = tally.messages.wrong;
    line["timed_out"] = tally.messages.timed_out;
    line["lost"] = tally.messages.lost;
    line["errors"] = tally.errors.total();
    const auto of_open_loop = [&interval](Json value) {
        return interval.open_loop ? std::move(value) : Json(nullptr);
    };
    line["due"] = of_open_loop(tally.messages.due);
    line["shed"] = of_open_loop(tally.messages.shed);
    line["unsent"] = of_open_loop(tally.messages.unsent);
    line["response"] = of_open_loop(latency_figures(tally.response));
    line["latency"] = latency_figures(tally.service);
    line["lag"] = of_open_loop(latency_figures(tally.lag));
    line["connect_latency"] = latency_figures(tally.connect);
    return line_of(line);
}

} // namespace echoload
