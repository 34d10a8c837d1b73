// SPDX-License-Identifier: MIT
#include "client/run/repeat_plan.hpp"

#include "client/run/seeds.hpp"

#include <random>

namespace echoload {

std::vector<PlannedRun> plan_series(std::uint32_t runs, bool two_sides, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<PlannedRun> plan;
    const auto add = [&](bool is_b, std::uint64_t block) {
        plan.push_back({is_b, block, seed_from(random)});
    };
    for (std::uint32_t run = 0; run < runs; ++run) {
        if (!two_sides) {
            add(false, run + std::uint64_t{1});
            continue;
        }
        const std::uint64_t block = run / 2 + std::uint64_t{1};
        const bool b_first = run % 2 == 0 ? random() % 2 != 0 : plan.back().is_b;
        add(b_first, block);
        add(!b_first, block);
    }
    return plan;
}

} // namespace echoload
