// SPDX-License-Identifier: MIT
// The decoder: the cost of finding the run of whole frames, by the size and number of the frames.
#include "wire/frame.hpp"

#include <benchmark/benchmark.h>

#include <vector>

namespace {

using namespace echod;

std::vector<std::byte> frames(std::size_t count, std::size_t payload) {
    std::vector<std::byte> bytes(count * (kHeaderSize + payload));
    for (std::size_t i = 0; i < count; ++i) {
        encode_header({1, static_cast<std::uint32_t>(payload)},
                      &bytes[i * (kHeaderSize + payload)]);
    }
    return bytes;
}

void scan_whole_frames(benchmark::State& state) {
    const auto count = static_cast<std::uint32_t>(state.range(0));
    const std::vector<std::byte> bytes = frames(count, static_cast<std::size_t>(state.range(1)));
    for (auto _ : state) {
        Scan scan = scan_frames(bytes);
        if (scan.frames != count) {
            state.SkipWithError("frames were missed");
        }
        benchmark::DoNotOptimize(scan);
    }
    state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(scan_whole_frames)->ArgNames({"frames", "payload"})->ArgsProduct({{1, 16}, {64, 1016}});

} // namespace
