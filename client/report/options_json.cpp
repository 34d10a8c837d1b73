// SPDX-License-Identifier: MIT
#include "client/report/options_json.hpp"

#include "base/units.hpp"
#include "client/report/replay.hpp"

#include <fmt/format.h>

namespace echoload {

namespace {

// A member for each mode that was requested; null where none was.
Json requested_abuse(const AbuseOptions& abuse) {
    Json json;
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (abuse.connections[mode] != 0) {
            json[std::string(echod::kEnumNames<AbuseMode>[mode])] = abuse.connections[mode];
        }
    }
    return json;
}

Json expected_of_abuse(const AbuseOptions& abuse) {
    Json json;
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        if (const auto& expected = abuse.expected[mode]) {
            json[std::string(echod::kEnumNames<AbuseMode>[mode])] = echod::enum_name(*expected);
        }
    }
    return json;
}

// "1000@30s,0:500@1m"; null where the pace has none.
Json stages_or_null(const std::optional<Pace>& pace) {
    if (!pace || pace->stages.empty()) {
        return nullptr;
    }
    std::string text;
    for (const Stage& stage : pace->stages) {
        text += fmt::format("{}{:.15g}", text.empty() ? "" : ",", stage.first);
        text += stage.first == stage.last ? "" : fmt::format(":{:.15g}", stage.last);
        text += '@' + echod::format_duration(stage.length);
    }
    return text;
}

} // namespace

Json options_json(const Options& options) {
    // A part has the options of the whole run.
    const RunPart* const part = options.part ? &*options.part : nullptr;
    const std::optional<Pace>& pace = part != nullptr ? part->pace : options.pace;
    const AbuseOptions& abuse = part != nullptr ? part->abuse : options.abuse;
    return {
        {"loop", options.pace ? "open" : "closed"},
        {"targets", options.targets},
        {"connections", part != nullptr ? part->connections : options.connections},
        {"duration_s", or_null(seconds_of(options.duration))},
        {"messages", or_null(part != nullptr ? part->messages : options.messages)},
        {"pipeline", options.pipeline},
        {"threads", options.threads},
        {"cpus", options.cpus.empty() ? Json(nullptr) : Json(options.cpus)},
        {"busy_poll_s", echod::to_seconds(options.busy_poll)},
        {"conn_messages", or_null(options.conn_messages)},
        {"reconnect", options.reconnect},
        {"replay", options.replay ? Json(replay_text(options.seed, options.replay->connection,
                                                     options.replay->sequence))
                                  : Json(nullptr)},
        {"source", options.source ? Json(options.source->text()) : Json(nullptr)},
        {"resolve", echod::enum_name(options.resolve)},
        {"think_s", echod::to_seconds(options.think)},
        {"close", echod::enum_name(options.close)},
        {"sizes", options.sizes.text()},
        {"timeout_s", echod::to_seconds(options.timeout)},
        {"drain_s", or_null(seconds_of(options.drain))},
        {"connect_rate", or_null(part != nullptr ? part->connect_rate : options.connect_rate)},
        {"warmup_s", echod::to_seconds(options.warmup)},
        {"verify", echod::enum_name(options.verify)},
        {"on_mismatch", echod::enum_name(options.on_mismatch)},
        {"split", echod::enum_name(options.split)},
        {"coalesce", options.coalesce},
        {"rate", pace ? Json(pace->first) : Json(nullptr)},
        {"rate_at_end", pace ? Json(pace->last) : Json(nullptr)},
        {"stages", stages_or_null(pace)},
        {"arrival", echod::enum_name(options.arrival)},
        {"max_in_flight", part != nullptr ? part->max_in_flight : options.max_in_flight},
        {"abuse", requested_abuse(abuse)},
        {"expect", expected_of_abuse(abuse)},
        {"start_at", options.start_at ? Json(options.start_at->text) : Json(nullptr)},
        {"part", part != nullptr ? Json(part->text()) : Json(nullptr)},
    };
}

} // namespace echoload
