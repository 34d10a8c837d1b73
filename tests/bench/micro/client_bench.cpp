// SPDX-License-Identifier: MIT
// The load generator's work per message: generating it, verifying its echo, recording the time, and
// maintaining its deadline.
#include "client/measure/histogram.hpp"
#include "client/message/payload.hpp"
#include "client/pace/deadlines.hpp"

#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <vector>

namespace {

using namespace echoload;
using namespace std::chrono_literals;

SizeLaw fixed(std::int64_t size) {
    return SizeLaw::parse("fixed:" + std::to_string(size));
}

void make_a_message(benchmark::State& state) {
    const Generator generator(1, fixed(state.range(0)));
    const std::uint64_t stream = generator.stream(0);
    std::vector<std::byte> bytes(echod::kMaxMessage);
    std::uint64_t sequence = 0;
    for (auto _ : state) {
        write_message(generator.message(stream, sequence++), bytes.data());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * (state.range(0) + 8));
}
BENCHMARK(make_a_message)->ArgName("payload")->Arg(64)->Arg(1016);

void verify_an_echo(benchmark::State& state) {
    const Generator generator(1, fixed(state.range(0)));
    const Message message = generator.message(generator.stream(0), 7);
    std::vector<std::byte> bytes(message.length());
    write_message(message, bytes.data());
    for (auto _ : state) {
        if (!matches(message, 0, bytes)) {
            state.SkipWithError("a right echo was taken for a wrong one");
        }
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * (state.range(0) + 8));
}
BENCHMARK(verify_an_echo)->ArgName("payload")->Arg(64)->Arg(1016);

// What the memory allows: the two beside the same work on stored bytes.
void copy_a_message(benchmark::State& state) {
    const std::vector<std::byte> from(static_cast<std::size_t>(state.range(0)) + 8, std::byte{7});
    std::vector<std::byte> to(from.size());
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), from.size());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * (state.range(0) + 8));
}
BENCHMARK(copy_a_message)->ArgName("payload")->Arg(64)->Arg(1016);

void compare_a_message(benchmark::State& state) {
    const std::vector<std::byte> one(static_cast<std::size_t>(state.range(0)) + 8, std::byte{7});
    std::vector<std::byte> other = one;
    benchmark::DoNotOptimize(other.data());
    for (auto _ : state) {
        benchmark::DoNotOptimize(std::memcmp(one.data(), other.data(), one.size()));
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * (state.range(0) + 8));
}
BENCHMARK(compare_a_message)->ArgName("payload")->Arg(64)->Arg(1016);

std::vector<Duration> latencies() {
    std::mt19937_64 random(1); // NOLINT: the same values each run
    std::lognormal_distribution<double> law(11.0, 0.7);
    std::vector<Duration> values(4096);
    for (Duration& value : values) {
        value = Duration(static_cast<std::int64_t>(law(random)));
    }
    return values;
}

void record_a_latency(benchmark::State& state) {
    const std::vector<Duration> values = latencies();
    Histogram histogram;
    std::size_t i = 0;
    for (auto _ : state) {
        histogram.record(values[i++ % values.size()]);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(record_a_latency);

void read_a_percentile(benchmark::State& state) {
    Histogram histogram;
    for (const Duration value : latencies()) {
        histogram.record(value);
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(histogram.percentile(99.9));
    }
}
BENCHMARK(read_a_percentile);

void merge_histograms(benchmark::State& state) {
    Histogram part;
    for (const Duration value : latencies()) {
        part.record(value);
    }
    Histogram sum;
    for (auto _ : state) {
        sum.merge(part);
    }
}
BENCHMARK(merge_histograms);

// An iteration in which every connection sends a message and none is late.
void arm_and_expire_deadlines(benchmark::State& state) {
    const auto ids = static_cast<std::uint32_t>(state.range(0));
    TimePoint now{1h};
    Deadlines deadlines(ids, 10s, now);
    for (auto _ : state) {
        now += 1ms;
        for (std::uint32_t id = 0; id < ids; ++id) {
            deadlines.arm(id, now + 10s);
        }
        deadlines.expire(now, [&](std::uint32_t) { return std::optional(now + 10s); });
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(arm_and_expire_deadlines)->ArgName("connections")->Arg(64)->Arg(10000);

} // namespace
