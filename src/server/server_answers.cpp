// SPDX-License-Identifier: MIT
// What the server is asked at its control socket, and told by SIGHUP.
#include "server/out_of_memory.hpp"
#include "server/server.hpp"

#include <algorithm>
#include <utility>

namespace echod {

void Server::apply(Config config, TimePoint now) noexcept {
    config_ = std::move(config);
    clients_.configure(config_.limits, config_.timeouts);
    acceptor_.configure(config_.limits, room_for_connections());
    acceptor_.set_unacked_timeout(config_.timeouts.unacked);
    reporter_.set_interval(config_.stats.interval, now);
    log_.set_level(config_.log.level);
    clients_.set_fault_hook(log_.writes(LogLevel::debug)
                                ? [this](const Fault& fault) { tell_fault(fault); }
                                : FaultHook());
}

ControlAnswer Server::reload() {
    if (phase_ != Phase::serving) {
        const std::string why = "reload refused: the server is stopping";
        log_.entry(LogLevel::error, message_id::kReloadFailed, {}, why);
        return {false, why + "\n"};
    }
    const ReloadScope scope(service_);
    ControlAnswer answer;
    try {
        Config wanted = load_config_();
        for (const std::string& key : keys_that_need_a_restart(config_, wanted)) {
            const bool unused = key.rfind("listen.", 0) == 0 && sockets_are_passed();
            const std::string text =
                key + (unused ? " has changed: it is not used, the sockets are those of the socket "
                                "unit, ignoring"
                              : " has changed: that takes effect at a restart, ignoring");
            log_->warn("{}", text);
            answer.text += text + "\n";
        }
        wanted.listen = config_.listen;
        wanted.log.target = config_.log.target;
        apply(std::move(wanted), now_);
        unless_memory_is_out([this] {
            log_.entry(LogLevel::info, message_id::kReload, {},
                       "reloaded: the new configuration is in force");
            warn_if_descriptors_lack();
        });
    } catch (const ConfigError& error) {
        answer.ok = false;
        for (const std::string& line : error.lines()) {
            log_.entry(LogLevel::error, message_id::kReloadFailed, {}, line);
            answer.text += line + "\n";
        }
        log_.entry(LogLevel::error, message_id::kReloadFailed, {},
                   "reload failed: the old configuration stays in force");
    }
    return answer;
}

ControlAnswer Server::answer(std::string_view command) {
    if (command == "reload") {
        return reload();
    }
    if (command == "status") {
        return {true, format_status(state())};
    }
    if (command == "stats json") {
        return {true, format_json(state())};
    }
    if (command == "stats openmetrics") {
        return {true, format_openmetrics(state())};
    }
    return {false, "unknown command; known are: reload, status, stats json, stats openmetrics\n"};
}

// The lists take a look at every connection, so they are made at most ten times a second, however
// often somebody asks; the figures are always those of the moment.
ServerState Server::state() {
    constexpr std::size_t kListed = 5;
    constexpr Duration kListsHold = std::chrono::milliseconds(100);
    if (!listed_at_ || now_ - *listed_at_ >= kListsHold) {
        busiest_.clear();
        oldest_.clear();
        clients_.summarize(kListed, now_, busiest_, oldest_);
        listed_at_ = now_;
    }
    ServerState state;
    state.busiest = busiest_;
    state.oldest = oldest_;
    for (const Listener& listener : acceptor_.listeners()) {
        state.listeners.push_back(listener.name);
    }
    state.phase = phase_ == Phase::serving ? "serving" : "draining";
    state.limits = config_.limits;
    state.counters = counters_;
    state.gauges = gauges();
    state.uptime = now_ - reporter_.started();
    state.longest_turn = reporter_.longest_turn();
    return state;
}

bool Server::sockets_are_passed() const noexcept {
    const std::vector<Listener>& all = acceptor_.listeners();
    return std::any_of(all.begin(), all.end(), [](const Listener& one) { return one.passed; });
}

} // namespace echod
