// SPDX-License-Identifier: MIT
#include "server/loop/commands.hpp"

#include "server/listener/acceptor.hpp"
#include "server/stats/json.hpp"
#include "server/stats/openmetrics.hpp"

namespace echod {

Gauges current_gauges(const Clients& clients, const Acceptor& acceptor) noexcept {
    return {clients.open(), acceptor.waiting(), clients.buffered_bytes()};
}

ControlAnswer Commands::answer(std::string_view command, bool serving, TimePoint now) {
    if (command == "reload") {
        return reload(serving, now);
    }
    if (command == "status") {
        return {true, format_status(state(serving, now))};
    }
    if (command == "stats json") {
        return {true, format_json(state(serving, now))};
    }
    if (command == "stats openmetrics") {
        return {true, format_openmetrics(state(serving, now))};
    }
    return {false, "unknown command; known are: reload, status, stats json, stats openmetrics\n"};
}

ControlAnswer Commands::reload(bool serving, TimePoint now) {
    return serving ? settings_.reload(now) : settings_.refuse_reload();
}

ServerState Commands::state(bool serving, TimePoint now) {
    lists_.update(parts_.clients, now);
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
    state.uptime = now - parts_.reporter.started();
    state.longest_turn = parts_.reporter.longest_turn();
    return state;
}

} // namespace echod
