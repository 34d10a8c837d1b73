// SPDX-License-Identifier: MIT
#include "server/loop/settings.hpp"

#include "base/ignore_bad_alloc.hpp"
#include "base/sys_error.hpp"
#include "net/network.hpp"
#include "server/config/reader.hpp"
#include "server/listener/passed_difference.hpp"
#include "server/listener/socket_unit.hpp"
#include "server/loop/descriptor_limit.hpp"
#include "server/loop/processors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace echod {

namespace {

// At level debug only: at any other, a line for each connection would let an attacker fill the log.
void log_fault(Log& log, const Fault& fault) {
    ignore_bad_alloc([&] {
        if (fault.reason.empty()) {
            log->debug("{}: {}", fault.peer.to_string(), fault.counter);
        } else {
            log->debug("{}: {}_{} after {} messages and {} bytes", fault.peer.to_string(),
                       fault.counter, fault.reason, fault.messages, fault.bytes);
        }
    });
}

std::vector<IpNetwork> networks_of(const std::vector<std::string>& texts) {
    std::vector<IpNetwork> networks;
    for (const std::string& text : texts) {
        if (const auto network = parse_network(text)) {
            networks.push_back(*network);
        }
    }
    return networks;
}

ConfiguredNetworks networks_of(const Config& config) {
    return {networks_of(config.per_ip_exempt), networks_of(config.listen.proxy_from)};
}

// The errors of the configuration on disk in one line; empty where there is none.
std::string describe_refused(const std::vector<std::string>& errors) {
    if (errors.empty()) {
        return "";
    }
    const std::string more =
        errors.size() > 1 ? fmt::format(" (and {} more)", errors.size() - 1) : "";
    return fmt::format("configuration refused, the last good one is in force: {}{}", errors.front(),
                       more);
}

// True if the listeners are those of a socket unit and not of the configuration. Sockets that are
// not passed any more, but only stored, give way to the configuration at a reload, unless the
// sandbox allows no others.
bool sockets_are_passed(const std::vector<Listener>& listeners) noexcept {
    const bool may_open = may_open_sockets();
    return std::any_of(listeners.begin(), listeners.end(), [may_open](const Listener& listener) {
        return listener.passed && !(listener.stored && may_open);
    });
}

} // namespace

std::string listening_on(const std::vector<Listener>& listeners) {
    std::string text;
    for (const Listener& listener : listeners) {
        text += (text.empty() ? "listening on " : ", ") + listener.name;
    }
    return text.empty() ? "listening on no address yet" : text;
}

Settings::Settings(Config config, LoadConfig load_config, const ConfiguredParts& parts,
                   TimePoint now)
    : load_config_(std::move(load_config)), parts_(parts), missing_(parts.acceptor, parts.log) {
    ConfiguredNetworks networks = networks_of(config);
    apply(std::move(config), std::move(networks), now);
    note_load(true);
    check_descriptor_limit();
    check_incoming_cpu();
}

void Settings::note_load(bool successful) noexcept {
    last_load_.successful = successful;
    last_load_.at = unix_seconds();
    last_load_.succeeded_at = successful ? last_load_.at : last_load_.succeeded_at;
}

void Settings::apply(Config config, ConfiguredNetworks networks, TimePoint now) noexcept {
    config_ = std::move(config);
    parts_.clients.configure(config_.limits, config_.timeouts, std::move(networks.exempt));
    parts_.clients.configure_proxy(config_.listen.proxy_protocol, std::move(networks.proxy_from));
    parts_.acceptor.configure(
        config_.limits,
        room_for_connections(descriptor_limit(),
                             parts_.acceptor.listeners().size() + missing_.count()));
    parts_.acceptor.set_unacked_timeout(config_.timeouts);
    parts_.acceptor.set_unsent_limit(config_.limits.unsent_bytes);
    const bool prefers = config_.listen.incoming_cpu == IncomingCpu::own;
    parts_.acceptor.set_incoming_cpu(prefers ? only_processor().value_or(kAnyCpu) : kAnyCpu);
    parts_.reporter.set_interval(config_.stats.interval, now);
    parts_.busy_poll.set_useful(has_several_processors());
    parts_.busy_poll.configure(config_.loop.busy_poll);
    parts_.log.set_level(config_.log.level);
    parts_.clients.set_fault_hook(
        parts_.log.writes(LogLevel::debug)
            ? [&log = parts_.log](const Fault& fault) { log_fault(log, fault); }
            : FaultHook());
}

ControlAnswer Settings::refuse_reload() {
    const std::string why = "reload refused: the server is stopping";
    parts_.log.entry(LogLevel::error, message_id::kReloadFailed, {}, why);
    return {false, why + "\n"};
}

ControlAnswer Settings::reload(TimePoint now) {
    ReloadScope scope(parts_.service);
    const std::string before = listening_on(parts_.acceptor.listeners());
    const Notices noted = parts_.notices;
    ControlAnswer answer;
    try {
        answer = load_and_apply(now);
        note_load(true);
    } catch (const ConfigError& error) {
        answer = refuse(error.lines());
    } catch (const ListenError& error) {
        answer = refuse({error.what()});
    }
    ignore_bad_alloc([&] {
        std::string after = listening_on(parts_.acceptor.listeners());
        if (after != before) {
            parts_.log.entry(LogLevel::info, message_id::kReload, {}, after);
        }
        if (after != before || parts_.notices != noted) {
            publish_notices();
            scope.set_status(std::move(after));
        }
    });
    return answer;
}

ControlAnswer Settings::refuse(const std::vector<std::string>& reasons) {
    ControlAnswer answer{false, {}};
    for (const std::string& line : reasons) {
        parts_.log.entry(LogLevel::error, message_id::kReloadFailed, {}, line);
        answer.text += line + "\n";
    }
    parts_.log.entry(LogLevel::error, message_id::kReloadFailed, {},
                     "reload failed: the old configuration stays in force");
    parts_.notices.refused = describe_refused(reasons);
    note_load(false);
    return answer;
}

// Whatever can fail comes before apply().
ControlAnswer Settings::load_and_apply(TimePoint now) {
    Config wanted = load_config_();
    Config::Listen listen = wanted.listen;
    ConfiguredNetworks networks = networks_of(wanted);
    std::vector<MissingAddress> missing;
    std::vector<Listener> old;
    if (!sockets_are_passed(parts_.acceptor.listeners())) {
        ListenPlan plan = plan_listeners(wanted.listen, parts_.acceptor.listeners());
        missing = std::move(plan.missing);
        if (const int error = parts_.acceptor.replace(std::move(plan), old, now); error != 0) {
            throw ListenError(error, fmt::format("cannot watch the new listening sockets: {}",
                                                 describe_errno(error)));
        }
    }
    missing_.set(std::move(missing), std::move(listen), now);
    apply(std::move(wanted), std::move(networks), now);
    parts_.acceptor.close_old(std::move(old), now); // under the new limits
    parts_.notices.refused.clear();
    ControlAnswer answer;
    ignore_bad_alloc([&] {
        parts_.log.set_target(config_.log.target);
        parts_.log.entry(LogLevel::info, message_id::kReload, {},
                         "reloaded: the new configuration is in force");
        note_departures();
        for (const std::string& line : {parts_.notices.missing, parts_.notices.sockets}) {
            answer.text += line.empty() ? "" : line + "\n";
        }
        check_descriptor_limit();
        check_incoming_cpu();
    });
    return answer;
}

void Settings::note_start(const std::vector<std::string>& refused,
                          std::vector<MissingAddress> missing, TimePoint now) {
    parts_.notices.refused = describe_refused(refused);
    if (!refused.empty()) {
        last_load_.succeeded_at = 0; // that was in the old process
        note_load(false);
    }
    missing_.set(std::move(missing), config_.listen, now);
    note_departures();
}

// Logs and shows where the listeners are not those of the configuration.
void Settings::note_departures() {
    missing_.warn();
    parts_.notices.missing = missing_.describe();
    parts_.notices.sockets =
        describe_passed_difference(parts_.acceptor.listeners(), config_.listen);
    if (!parts_.notices.sockets.empty()) {
        parts_.log.entry(LogLevel::warning, message_id::kSockets, {}, parts_.notices.sockets);
    }
    publish_notices();
}

void Settings::publish_notices() {
    const auto part = [](const std::string& text, const char* before, const char* after) {
        return text.empty() ? text : before + text + after;
    };
    parts_.service.set_notices(part(parts_.notices.refused, "", "; "),
                               part(parts_.notices.missing, "; ", ""));
}

void Settings::retry_addresses(TimePoint now) {
    if (missing_.retry(now)) {
        parts_.notices.missing = missing_.describe();
        publish_notices();
        (void)parts_.service.ready(listening_on(parts_.acceptor.listeners()));
    }
}

void Settings::check_descriptor_limit() {
    const auto limit = descriptor_limit();
    const std::uint64_t needed =
        config_.limits.max_connections +
        reserved_descriptors(parts_.acceptor.listeners().size() + missing_.count());
    if (limit && *limit < needed) {
        parts_.log.entry(
            LogLevel::warning, message_id::kLimit, {},
            fmt::format("limits.max_connections is {}, but RLIMIT_NOFILE is {} and {} are needed: "
                        "when_full applies beyond {} connections; raise LimitNOFILE= of the unit "
                        "(ulimit -n in a shell), or lower the limit",
                        config_.limits.max_connections, *limit, needed, parts_.acceptor.most()));
    }
}

void Settings::check_incoming_cpu() {
    if (config_.listen.incoming_cpu != IncomingCpu::own) {
        return;
    }
    if (!only_processor()) {
        parts_.log->warn("listen.incoming_cpu is \"own\" without effect, because this process may "
                         "use several processors: bind it to one with CPUAffinity= of its unit");
    } else if (!is_instance()) {
        parts_.log->warn(
            "listen.incoming_cpu is \"own\" without effect, because this process is no "
            "instance, which shares the port with others: use echod@.service");
    }
}

} // namespace echod
