// SPDX-License-Identifier: MIT
#include "server/loop/reporter.hpp"

#include "base/units.hpp"
#include "server/stats/counter_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

namespace echod {

namespace {

// "name=value" for each counter that changed, and for those that are always in the line.
std::string text_of(const Counters& now, const Counters& before, const Gauges& gauges,
                    Duration longest_turn) {
    std::string text = fmt::format("connections={}", gauges.connections);
    if (gauges.waiting != 0) {
        text += fmt::format(" waiting={}", gauges.waiting);
    }
    visit_counters(now, before, [&text](const CounterSample& counter) {
        if (counter.part != 0 || counter.info.always) {
            text += fmt::format(" {}={}", counter.name, counter.part);
        }
    });
    text += fmt::format(" longest_turn={}", humanize_duration(longest_turn));
    return text;
}

std::string status_text(const Gauges& gauges, double messages_per_s, double bytes_per_s) {
    return fmt::format("{} connections, {:.0f} messages/s, {:.1f} MB/s out", gauges.connections,
                       messages_per_s, bytes_per_s / 1e6);
}

std::string upper(std::string_view name) {
    std::string text;
    std::transform(name.begin(), name.end(), std::back_inserter(text),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

} // namespace

Reporter::Reporter(Log& log, ServiceManager& service, const Counters& counters, TimePoint now)
    : log_(log), service_(service), counters_(counters), started_(now), window_start_(now) {}

void Reporter::set_interval(Duration interval, TimePoint now) noexcept {
    interval_ = interval;
    due_ = kNever;
    if (interval_ != Duration::zero()) {
        due_ = now + interval_; // what is in the window so far belongs to the next line
        status_is_of_now_ = status_is_of_now_ && !std::exchange(shows_no_rates_, false);
    } else if (!status_is_of_now_) {
        due_ = now; // once more, to take the last rate back
    }
}

void Reporter::start_window(TimePoint now) noexcept {
    window_start_ = now;
    due_ = now + interval_;
}

void Reporter::report(const Gauges& gauges, TimePoint now) {
    if (interval_ == Duration::zero() || !has_news()) {
        report_quiet(gauges, now);
        return;
    }
    due_ = now + interval_; // also where memory is out and nothing can be written
    write(gauges, now);
}

// The service manager shows a status until it gets another one, which may take hours.
void Reporter::report_quiet(const Gauges& gauges, TimePoint now) {
    constexpr Duration kRetry = std::chrono::seconds(1);
    const bool rates = interval_ != Duration::zero();
    due_ = now + (rates ? interval_ : kRetry);
    if (!status_is_of_now_) {
        // Without an interval no figure would be of now for long, not even a zero.
        status_is_of_now_ = service_.status(
            rates ? status_text(gauges, 0, 0) : "rates are off: stats.interval is 0", now);
        shows_no_rates_ = status_is_of_now_ && !rates;
    }
    if (status_is_of_now_) {
        due_ = kNever; // until something happens
    }
}

void Reporter::report_now(const Gauges& gauges, TimePoint now) {
    write(gauges, now);
}

void Reporter::write(const Gauges& gauges, TimePoint now) {
    const Duration window = std::max(now - window_start_, Duration(1));
    const auto rate = [&](std::uint64_t part) {
        return static_cast<double>(part) / to_seconds(window);
    };
    const std::string status =
        status_text(gauges, rate(counters_.messages_out - last_.messages_out),
                    rate(counters_.bytes_out - last_.bytes_out));
    log_.entry(LogLevel::info, message_id::kStatistics, fields(gauges, window),
               fmt::format("statistics of {:.2f}s: {}", to_seconds(window),
                           text_of(counters_, last_, gauges, longest_turn_)));
    // Now, before anything else may find that memory is out: what was reported is not reported
    // again.
    last_ = counters_;
    longest_turn_ever_ = longest_turn();
    longest_turn_ = {};
    window_start_ = now;
    if (interval_ != Duration::zero()) { // else nothing would take it back
        (void)service_.status(status, now);
        status_is_of_now_ = false; // once the window is over
    }
}

void Reporter::report_totals(const Gauges& gauges, TimePoint now) {
    const Duration uptime = now - started_;
    log_.entry(LogLevel::info, message_id::kStatistics, fields(gauges, now - window_start_),
               fmt::format("totals of {:.2f}s: {}", to_seconds(uptime),
                           text_of(counters_, Counters{}, gauges, longest_turn())));
}

std::vector<JournalField> Reporter::fields(const Gauges& gauges, Duration window) const {
    std::vector<JournalField> fields;
    const auto add = [&fields](const std::string& name, std::uint64_t value) {
        fields.emplace_back(name, std::to_string(value));
    };
    const auto ns = [](Duration duration) { return static_cast<std::uint64_t>(duration.count()); };
    add("ECHOD_CONNECTIONS", gauges.connections);
    add("ECHOD_WAITING", gauges.waiting);
    add("ECHOD_KEPT_BYTES", gauges.buffered_bytes);
    visit_counters(counters_, last_, [&add](const CounterSample& counter) {
        add("ECHOD_" + upper(counter.name), counter.total);
        add("ECHOD_INTERVAL_" + upper(counter.name), counter.part);
    });
    add("ECHOD_MESSAGES", counters_.messages_out);
    add("ECHOD_INTERVAL_MESSAGES", counters_.messages_out - last_.messages_out);
    add("ECHOD_INTERVAL_NSEC", ns(window));
    add("ECHOD_LONGEST_TURN_NSEC", ns(longest_turn()));
    add("ECHOD_INTERVAL_LONGEST_TURN_NSEC", ns(longest_turn_));
    return fields;
}

} // namespace echod
