// SPDX-License-Identifier: MIT
#include "client/compare/sides.hpp"

#include "client/report/repeated.hpp"
#include "client/result/bad_result.hpp"
#include "client/result/verdict.hpp"

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace echoload {

namespace {

// Options on which every figure depends: with another value, the difference is that of the loads.
constexpr const char* kOptionsOfTheLoad[] = {
    "loop",     "rate",        "rate_at_end",   "stages",    "arrival",
    "sizes",    "connections", "pipeline",      "think_s",   "split",
    "coalesce", "close",       "conn_messages", "reconnect", "verify"};

// Throws BadResult that names the options of the load that differ.
void require_same_load(const SideRun& one, const SideRun& other) {
    const Json& a = one.result.requested;
    const Json& b = other.result.requested;
    std::string different;
    for (const char* key : kOptionsOfTheLoad) {
        const auto before = a.find(key);
        const auto after = b.find(key);
        if (before != a.end() && after != b.end() && *before != *after) {
            different += fmt::format("{}{} {}, {}", different.empty() ? "" : "; ", key,
                                     before->dump(), after->dump());
        }
    }
    if (!different.empty()) {
        throw BadResult(fmt::format("{} and {} are results of different loads ({}): repeat one of "
                                    "the runs with the options of the other, or give --force",
                                    one.place, other.place, different));
    }
}

// A run that is counted twice makes the noise look smaller. What two runs cannot have in common is
// compared; a result without a start has nothing of that kind.
void require_different_runs(const std::vector<SideRun>& side) {
    std::map<std::string, std::string> known;
    for (const SideRun& run : side) {
        if (!run.result.started) {
            continue;
        }
        const StoredRate rate = run.result.rate.value_or(StoredRate());
        const std::string identity =
            fmt::format("{} {} {} {}", run.result.seed.dump(), *run.result.started,
                        or_null(run.result.window_s).dump(), or_null(rate.messages_per_s).dump());
        const auto [earlier, is_new] = known.emplace(identity, run.place);
        if (!is_new) {
            throw BadResult(fmt::format("{} and {} are the same result, which may be counted once "
                                        "only",
                                        earlier->second, run.place));
        }
    }
}

std::string place_of(const std::string& file, const Repeated& series, std::size_t index) {
    return series.done.size() == 1 ? file : fmt::format("{}: run {}", file, index + 1);
}

// All runs of the files of one side.
std::vector<SideRun> read_side(const std::vector<std::string>& files) {
    std::vector<SideRun> side;
    for (const std::string& file : files) {
        Repeated series = read_runs(file);
        if (series.interleaved) {
            throw BadResult(fmt::format("{} has runs of both sides: compare it alone, without "
                                        "another file",
                                        file));
        }
        for (std::size_t i = 0; i < series.done.size(); ++i) {
            side.push_back({place_of(file, series, i), std::move(series.done[i].result)});
        }
    }
    if (side.empty()) {
        throw BadResult(fmt::format("{} has no run", files.front()));
    }
    return side;
}

// The runs of one block that wait for their partner.
struct Block {
    std::vector<SideRun> a;
    std::vector<SideRun> b;
};

// In ABBA and in BAAB, the first A ran next to the first B, and the second next to the second.
void pair_up(Block block, Sides& sides) {
    const std::size_t pairs = std::min(block.a.size(), block.b.size());
    for (std::size_t i = 0; i < std::max(block.a.size(), block.b.size()); ++i) {
        if (i < block.a.size()) {
            (i < pairs ? sides.a : sides.unpaired).push_back(std::move(block.a[i]));
        }
        if (i < block.b.size()) {
            (i < pairs ? sides.b : sides.unpaired).push_back(std::move(block.b[i]));
        }
    }
}

Sides read_interleaved(const std::string& file) {
    Repeated series = read_runs(file);
    if (!series.interleaved) {
        throw BadResult(fmt::format("{} has the runs of one side: give the files of B too, as A... "
                                    "-- B...",
                                    file));
    }
    std::map<std::uint64_t, Block> blocks;
    for (std::size_t i = 0; i < series.done.size(); ++i) {
        RepeatedRun& run = series.done[i];
        Block& block = blocks[run.block];
        (run.side == "A" ? block.a : block.b)
            .push_back({place_of(file, series, i), std::move(run.result)});
    }
    Sides sides;
    sides.interleaved = true;
    for (auto& [number, block] : blocks) {
        pair_up(std::move(block), sides);
    }
    if (sides.a.empty()) {
        throw BadResult(fmt::format("{} has no run of B next to one of A", file));
    }
    return sides;
}

// Whether the figures of a run with that verdict are those of the requested load.
bool is_sound(const StoredVerdict& verdict) {
    const auto outcome = echod::enum_value<Outcome>(verdict.outcome);
    return outcome && *outcome >= Outcome::gate_failed;
}

std::string bad_run(std::string_view name, const StoredVerdict& verdict) {
    return is_sound(verdict) ? ""
                             : fmt::format("fail-if: the verdict of {} is {}{}{}: failed\n", name,
                                           verdict.outcome, verdict.reasons.empty() ? "" : ", ",
                                           verdict.reasons.empty() ? "" : verdict.reasons.front());
}

} // namespace

Sides read_sides(const CompareOptions& options) {
    Sides sides;
    if (options.after.empty()) {
        sides = read_interleaved(options.before.front());
    } else {
        sides.a = read_side(options.before);
        sides.b = read_side(options.after);
    }
    require_different_runs(sides.a);
    require_different_runs(sides.b);
    if (!options.force) {
        for (const auto* side : {&sides.a, &sides.b}) {
            for (const SideRun& run : *side) {
                require_same_load(sides.a.front(), run);
            }
        }
    }
    return sides;
}

std::string bad_runs(const Sides& sides) {
    if (sides.single_runs() && sides.unpaired.empty()) {
        return bad_run("A", sides.a.front().result.verdict) +
               bad_run("B", sides.b.front().result.verdict);
    }
    std::string text;
    for (const auto* side : {&sides.a, &sides.b, &sides.unpaired}) {
        for (const SideRun& run : *side) {
            text += bad_run(run.place, run.result.verdict);
        }
    }
    return text;
}

std::string different_options(const Json& a, const Json& b) {
    std::string text;
    for (const auto& item : a.items()) {
        const auto other = b.find(item.key());
        if (item.key() != "targets" && other != b.end() && *other != item.value()) {
            fmt::format_to(std::back_inserter(text), "options differ: {} {}, {}\n", item.key(),
                           item.value().dump(), other->dump());
        }
    }
    return text;
}

} // namespace echoload
