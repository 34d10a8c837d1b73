// SPDX-License-Identifier: MIT
#include "client/report/stages.hpp"

#include "base/units.hpp"
#include "client/report/latency_json.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

bool is_same_stage(const StoredStage& a, const StoredStage& b) {
    return a.from_s == b.from_s && a.length_s == b.length_s;
}

// "1,000/s", "0 to 5,000/s".
std::string rates_text(const StoredStage& stage) {
    return whole_rate(stage.rate) +
           (stage.rate == stage.rate_at_end ? "" : " to " + whole_rate(stage.rate_at_end)) + "/s";
}

} // namespace

std::optional<std::vector<StoredStage>> stages_of(const Pace& pace, const RunResult& result) {
    if (pace.stages.empty()) {
        return std::nullopt;
    }
    std::vector<StoredStage> stages;
    const std::vector<StageTally>& tallies = result.tally.stages.rows();
    Duration from{};
    for (const Stage& stage : pace.stages) {
        StoredStage stored;
        stored.rate = stage.first;
        stored.rate_at_end = stage.last;
        stored.from_s = echod::to_seconds(from);
        stored.length_s = echod::to_seconds(stage.length);
        stored.response.loop = "open";
        if (stages.size() < tallies.size()) {
            const StageTally& tally = tallies[stages.size()];
            stored.due = tally.due;
            stored.shed = tally.shed;
            stored.verified = tally.verified;
            stored.response.histogram = tally.response;
        }
        const Duration ran =
            std::min(result.window.value_or(Duration::zero()) - from, stage.length);
        if (ran > Duration::zero()) {
            stored.messages_per_s = static_cast<double>(stored.verified) / echod::to_seconds(ran);
        }
        from += stage.length;
        stages.push_back(std::move(stored));
    }
    return stages;
}

Json stages_table(const std::vector<StoredStage>& stages) {
    Json rows = Json::array();
    for (const StoredStage& stage : stages) {
        rows.push_back(stage_json(stage));
        rows.back()["response"] = latency_figures(stage.response.histogram);
    }
    return rows;
}

std::string stages_text(const std::vector<StoredStage>& stages) {
    std::string text;
    const Out out(text);
    for (const StoredStage& stage : stages) {
        fmt::format_to(out, kLabel, &stage == &stages.front() ? "stages" : "");
        fmt::format_to(out, "{} for {}: ", rates_text(stage),
                       echod::format_duration(duration_of(stage.length_s)));
        if (!stage.messages_per_s) {
            fmt::format_to(out, "the run ended before\n");
            continue;
        }
        fmt::format_to(out, "due {}, verified {}", group_digits(stage.due),
                       group_digits(stage.verified));
        if (stage.shed != 0) {
            fmt::format_to(out, ", shed {}", group_digits(stage.shed));
        }
        const Histogram& response = stage.response.histogram;
        if (response.count() != 0) {
            fmt::format_to(
                out, "; p50 {}, p99 {}, max {}", duration_or_dash(response.percentile(50)),
                duration_or_dash(response.percentile(99)), duration_or_dash(response.max()));
        }
        text += '\n';
    }
    return text;
}

void merge_stages(std::vector<StoredStage>& sum, const std::vector<StoredStage>& part) {
    if (!std::equal(sum.begin(), sum.end(), part.begin(), part.end(), is_same_stage)) {
        sum.insert(sum.end(), part.begin(), part.end());
        return;
    }
    for (std::size_t i = 0; i < sum.size(); ++i) {
        sum[i].rate += part[i].rate;
        sum[i].rate_at_end += part[i].rate_at_end;
        sum[i].due += part[i].due;
        sum[i].shed += part[i].shed;
        sum[i].verified += part[i].verified;
        if (sum[i].messages_per_s && part[i].messages_per_s) {
            *sum[i].messages_per_s += *part[i].messages_per_s;
        }
        sum[i].response.histogram.merge(part[i].response.histogram);
    }
}

} // namespace echoload
