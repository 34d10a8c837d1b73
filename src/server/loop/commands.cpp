// SPDX-License-Identifier: MIT
#include "server/loop/commands.hpp"

#include "server/listener/acceptor.hpp"
#include "server/stats/json.hpp"
#include "server/stats/openmetrics.hpp"
#include "server/stats/prometheus.hpp"

#include <fmt/format.h>

#include <utility>

namespace echod {

namespace {

constexpr std::string_view kShown = "status, stats json, stats openmetrics, stats prometheus";

} // namespace

Gauges current_gauges(const Clients& clients, const Acceptor& acceptor) noexcept {
    return {clients.open(), acceptor.waiting(), clients.buffered_bytes()};
}

std::optional<std::string> Commands::show(std::string_view command, bool serving, TimePoint now) {
    if (command == "status") {
        return format_status(state(serving, now));
    }
    if (command == "stats json") {
        return format_json(state(serving, now));
    }
    if (command == "stats openmetrics") {
        return format_openmetrics(state(serving, now));
    }
    if (command == "stats prometheus") {
        return format_prometheus(state(serving, now));
    }
    return std::nullopt;
}

ControlAnswer Commands::answer(std::string_view command, bool serving, TimePoint now) {
    if (command == "reload") {
        return reload(serving, now);
    }
    if (auto text = show(command, serving, now)) {
        return {true, std::move(*text)};
    }
    return {false, fmt::format("unknown command; known are: reload, {}\n", kShown)};
}

ControlAnswer Commands::answer_read_only(std::string_view command, bool serving, TimePoint now) {
    if (auto text = show(command, serving, now)) {
        return {true, std::move(*text)};
    }
    return {false, fmt::format("refused: the statistics socket is read-only and answers: {}; for "
                               "reload use the control socket\n",
                               kShown)};
}

ControlAnswer Commands::reload(bool serving, TimePoint now) {
    return serving ? settings_.reload(now) : settings_.refuse_reload();
}

ServerState Commands::state(bool serving, TimePoint now) {
    lists_.update(parts_.clients, now);
    if (survey_.update(parts_.clients, parts_.acceptor.listeners(), now)) {
        process_ = read_process_figures();
    }
    ServerState state;
    state.busiest = lists_.busiest();
    state.oldest = lists_.oldest();
    state.refused = parts_.notices.refused;
    for (const std::string& line : {parts_.notices.missing, parts_.notices.sockets}) {
        if (!line.empty()) {
            state.notices.push_back(line);
        }
    }
    for (const Listener& listener : parts_.acceptor.listeners()) {
        state.listeners.push_back(listener.name);
    }
    state.phase = serving ? "serving" : "draining";
    state.limits = settings_.config().limits;
    state.counters = counters_;
    state.gauges = current_gauges(parts_.clients, parts_.acceptor);
    state.started_at = started_at_;
    state.last_load = settings_.last_load();
    state.listeners_wanted = settings_.listeners_wanted();
    state.sockets = survey_.figures();
    state.process = process_;
    state.polling = {parts_.busy_poll.is_auto(), parts_.busy_poll.window(now),
                     parts_.busy_poll.polled()};
    state.turns = parts_.reporter.turns();
    state.uptime = now - parts_.reporter.started();
    state.longest_turn = parts_.reporter.longest_turn();
    return state;
}

} // namespace echod
