// SPDX-License-Identifier: MIT
// The ready queue: IndexList over records of a client's size, for realistic cache misses.
#include "base/index_list.hpp"
#include "server/clients/client_table.hpp"

#include <benchmark/benchmark.h>

#include <numeric>
#include <random>
#include <vector>

namespace {

using namespace echod;
using ReadyQueue = IndexList<Client, &Client::ready>;

// Clients become ready in random order, each is served once, and the queue is empty again.
void fill_and_empty_the_ready_queue(benchmark::State& state) {
    ClientTable table;
    std::vector<std::uint32_t> order(static_cast<std::size_t>(state.range(0)));
    for (std::uint32_t& slot : order) {
        slot = table.allocate();
    }
    std::shuffle(order.begin(), order.end(), std::mt19937(1)); // NOLINT: the same order each run
    ReadyQueue queue;
    for (auto _ : state) {
        for (const std::uint32_t slot : order) {
            queue.push_back(table, slot);
        }
        while (!queue.empty()) {
            queue.remove(table, queue.front());
        }
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(fill_and_empty_the_ready_queue)->ArgName("clients")->Arg(64)->Arg(1000)->Arg(10000);

// A client with more input moves to the tail.
void rotate_the_ready_queue(benchmark::State& state) {
    ClientTable table;
    ReadyQueue queue;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        queue.push_back(table, table.allocate());
    }
    for (auto _ : state) {
        const std::uint32_t slot = queue.front();
        queue.remove(table, slot);
        queue.push_back(table, slot);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(rotate_the_ready_queue)->ArgName("clients")->Arg(2)->Arg(10000);

} // namespace
