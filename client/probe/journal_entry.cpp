// SPDX-License-Identifier: MIT
#include "client/probe/journal_entry.hpp"

#include "client/report/live_line.hpp"
#include "net/journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace echoload {

namespace {

constexpr const char* kInformational = "6"; // syslog(3)
constexpr const char* kWarning = "4";

class Entry {
public:
    void add(std::string_view name, std::string_view value) {
        echod::JournalSocket::add_field(text_, name, value);
    }
    void add(std::string_view name, std::uint64_t value) { add(name, std::to_string(value)); }
    void add(std::string_view name, std::optional<Duration> value) { // in nanoseconds
        if (value) {
            add(name, std::to_string(value->count()));
        }
    }

    // The counters of an interval, or of the run.
    void add_counts(std::string_view prefix, const Tally& tally, const Histogram& latency) {
        const auto name = [prefix](std::string_view end) {
            return fmt::format("{}{}", prefix, end);
        };
        add(name("SENT"), tally.messages.sent);
        add(name("VERIFIED"), tally.messages.verified);
        add(name("WRONG"), tally.messages.wrong);
        add(name("TIMED_OUT"), tally.messages.timed_out);
        add(name("LOST"), tally.messages.lost);
        add(name("ERRORS"), tally.errors.total());
        add(name("LATENCY_P50_NSEC"), latency.percentile(50));
        add(name("LATENCY_P99_NSEC"), latency.percentile(99));
        add(name("LATENCY_MAX_NSEC"), latency.max());
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

bool is_faulty(const LiveInterval& interval) {
    const Tally& tally = interval.tally;
    return tally.messages.wrong + tally.messages.timed_out + tally.messages.lost +
                   tally.errors.total() !=
               0 ||
           std::any_of(interval.targets.begin(), interval.targets.end(),
                       [](const TargetState& target) { return !target.up; });
}

} // namespace

std::string journal_entry(const LiveInterval& interval, const RunFigures& figures) {
    Entry entry;
    std::string line = live_line(interval);
    line.erase(line.find_last_not_of('\n') + 1);
    entry.add("MESSAGE",
              std::string_view(line).substr(std::min(line.find_first_not_of(' '), line.size())));
    entry.add("MESSAGE_ID", kProbeMessageId);
    entry.add("PRIORITY", is_faulty(interval) ? kWarning : kInformational);
    entry.add("SYSLOG_IDENTIFIER", "echoload");
    entry.add_counts("ECHOLOAD_", figures.tally, loop_latency(figures.tally, figures.open_loop));
    entry.add_counts("ECHOLOAD_INTERVAL_", interval.tally,
                     loop_latency(interval.tally, interval.open_loop));
    entry.add("ECHOLOAD_CONNECTIONS", std::uint64_t{interval.open});
    std::uint64_t up = 0;
    std::uint64_t outages = 0;
    Duration out{};
    for (const TargetState& target : interval.targets) {
        up += target.up ? 1 : 0;
        outages += target.outages;
        out += target.out;
        entry.add("ECHOLOAD_TARGET", target.target);
    }
    entry.add("ECHOLOAD_TARGETS_UP", up);
    if (interval.reconnects) {
        entry.add("ECHOLOAD_OUTAGES", outages);
        entry.add("ECHOLOAD_OUTAGE_NSEC", std::optional<Duration>(out));
    }
    return entry.text();
}

} // namespace echoload
