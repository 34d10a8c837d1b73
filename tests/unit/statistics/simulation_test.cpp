// SPDX-License-Identifier: MIT
// How often a comparison is wrong, counted on simulated and recorded runs with fixed seeds.
#include "client/statistics/comparison.hpp"
#include "client/statistics/holm.hpp"
#include "client/statistics/ranks.hpp"
#include "tests/unit/statistics/samples.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

using namespace echoload;

namespace {

constexpr int kComparisons = 1000;
constexpr int kMostWrong = 67; // scipy.stats.binom.ppf(0.99, 1000, 0.05)
constexpr int kFewestFound = 950;
constexpr double kSigma = 0.05; // between runs of the same server

// Runs of two servers, of which B has `factor` times the figure of A. <random>'s distributions
// differ between libraries, so the normal one is made here (Box and Muller).
class Runs {
public:
    explicit Runs(std::uint64_t seed) : random_(seed) {}

    double normal() {
        const double radius = std::sqrt(-2 * std::log(uniform()));
        return radius * std::cos(2 * 3.14159265358979323846 * uniform());
    }

    std::size_t below(std::size_t count) { return random_() % count; }

    double uniform() { return (static_cast<double>(random_() >> 11U) + 0.5) * 0x1p-53; }

    std::vector<double> independent(std::size_t count, double factor, double outliers = 0) {
        std::vector<double> values(count);
        for (double& value : values) {
            value = factor * std::exp(kSigma * normal());
            if (uniform() < outliers) {
                value *= 3;
            }
        }
        return values;
    }

    // Pairs in blocks ABBA or BAAB, while the machine's speed drifts by `trend` from run to run,
    // more or less.
    void interleaved(std::size_t pairs, double factor, double trend, std::vector<double>& a,
                     std::vector<double>& b) {
        double drift = 0;
        bool a_is_first = false;
        for (std::size_t i = 0; i < pairs; ++i) {
            a_is_first = i % 2 == 0 ? random_() % 2 == 0 : !a_is_first;
            for (const bool is_a : {a_is_first, !a_is_first}) {
                drift += trend * (1 + normal());
                const double value = std::exp(drift + kSigma * normal());
                (is_a ? a : b).push_back(is_a ? value : factor * value);
            }
        }
    }

private:
    std::mt19937_64 random_;
};

// How often the figure of B is found to differ from that of A by more than `margin`.
int found(std::uint64_t seed, double margin, const std::function<Factor(Runs&)>& compare) {
    Runs runs(seed);
    int count = 0;
    for (int i = 0; i < kComparisons; ++i) {
        const Factor factor = compare(runs);
        const bool above = decide(factor.interval, {1 + margin, true}) == Decision::beyond;
        const bool below = decide(factor.interval, {1 - margin, false}) == Decision::beyond;
        count += above || below ? 1 : 0;
    }
    return count;
}

Factor independent(Runs& runs, std::size_t count, double factor, double outliers = 0) {
    const std::vector<double> a = runs.independent(count, 1, outliers);
    return factor_of_samples(a, runs.independent(count, factor, outliers));
}

Factor interleaved(Runs& runs, std::size_t count, double factor, double trend) {
    std::vector<double> a;
    std::vector<double> b;
    runs.interleaved(count, factor, trend, a, b);
    return factor_of_pairs(a, b);
}

// The gate 'p99>+10%,rate<-5%' between runs of one server; `a` and `b` are numbers of recorded
// runs.
bool gate_fails(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b,
                Factor (*compare)(const std::vector<double>&, const std::vector<double>&)) {
    const auto values = [](const std::vector<double>& all, const std::vector<std::size_t>& chosen) {
        std::vector<double> found;
        for (const std::size_t run : chosen) {
            found.push_back(all[run]);
        }
        return found;
    };
    const Factor p99 = compare(values(kRecordedP99, a), values(kRecordedP99, b));
    const Factor rate = compare(values(kRecordedRate, a), values(kRecordedRate, b));
    return decide(p99.interval, {1.1, true}) == Decision::beyond ||
           decide(rate.interval, {0.95, false}) == Decision::beyond;
}

} // namespace

TEST(Simulation, ASideComparedWithItselfFailsInAtMostOneOfTwentyCases) {
    for (const std::size_t count : {6U, 8U}) {
        EXPECT_LE(found(count, 0, [&](Runs& runs) { return independent(runs, count, 1); }),
                  kMostWrong)
            << count;
    }
    EXPECT_LE(found(1, 0, [](Runs& runs) { return independent(runs, 6, 1, 0.2); }), kMostWrong);
}

TEST(Simulation, InterleavedRunsOfOneServerFailInAtMostOneOfTwentyCasesWhileTheMachineDrifts) {
    for (const double trend : {0.0, 0.03}) {
        for (const std::size_t count : {6U, 9U}) {
            EXPECT_LE(
                found(count, 0, [&](Runs& runs) { return interleaved(runs, count, 1, trend); }),
                kMostWrong)
                << count << ' ' << trend;
        }
    }
}

TEST(Simulation, AServerThatIsAFifthSlowerIsFound) {
    // A rate that is 20 % lower by "rate<-5%", and a latency that is 20 % higher by any margin.
    EXPECT_GE(found(2, 0.05, [](Runs& runs) { return independent(runs, 6, 0.8); }), kFewestFound);
    EXPECT_GE(found(3, 0, [](Runs& runs) { return independent(runs, 6, 1.2); }), kFewestFound);
    EXPECT_GE(found(4, 0.1, [](Runs& runs) { return independent(runs, 16, 1.2); }), kFewestFound);
}

TEST(Simulation, AServerThatIsAFifthSlowerIsFoundInInterleavedRuns) {
    EXPECT_GE(found(5, 0.05, [](Runs& runs) { return interleaved(runs, 6, 0.8, 0); }),
              kFewestFound);
    EXPECT_GE(found(6, 0, [](Runs& runs) { return interleaved(runs, 8, 1.2, 0.02); }),
              kFewestFound);
}

TEST(Simulation, RecordedRunsOfOneServerFailInAtMostOneOfTwentyComparisons) {
    Runs random(9);
    std::vector<std::size_t> order(kRecordedRate.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    int failed = 0;
    int failed_by_one_run = 0;
    for (int i = 0; i < kComparisons; ++i) {
        for (std::size_t place = 0; place < 20; ++place) { // a draw without putting back
            std::swap(order[place], order[place + random.below(order.size() - place)]);
        }
        const auto a = order.begin();
        failed += gate_fails({a, a + 10}, {a + 10, a + 20}, factor_of_samples) ? 1 : 0;
        const bool slower = kRecordedRate[a[1]] < 0.95 * kRecordedRate[a[0]] ||
                            kRecordedP99[a[1]] > 1.1 * kRecordedP99[a[0]];
        failed_by_one_run += slower ? 1 : 0;
    }
    EXPECT_LE(failed, kMostWrong);
    EXPECT_GT(failed_by_one_run, kComparisons / 3); // why one run a side is no sample
}

TEST(Simulation, RecordedRunsInTurnFailInAtMostOneOfTwentyComparisons) {
    Runs random(10);
    int failed = 0;
    for (int i = 0; i < kComparisons; ++i) {
        std::vector<std::size_t> a;
        std::vector<std::size_t> b;
        const std::size_t from = random.below(kRecordedRate.size() - 20);
        bool a_is_first = false;
        for (std::size_t pair = 0; pair < 10; ++pair) {
            a_is_first = pair % 2 == 0 ? random.below(2) == 0 : !a_is_first;
            const std::size_t run = from + 2 * pair;
            a.push_back(a_is_first ? run : run + 1);
            b.push_back(a_is_first ? run + 1 : run);
        }
        failed += gate_fails(a, b, factor_of_pairs) ? 1 : 0;
    }
    EXPECT_LE(failed, kMostWrong);
}

// Five figures of the same runs: if nothing differs, one of them has a p below 5 % in far more than
// 5 % of the comparisons, but not after Holm's correction.
TEST(Simulation, HolmKeepsTheLevelOverSeveralFigures) {
    Runs runs(8);
    int plain = 0;
    int corrected = 0;
    for (int i = 0; i < kComparisons; ++i) {
        std::vector<double> p;
        for (int figure = 0; figure < 5; ++figure) {
            const std::vector<double> a = runs.independent(8, 1);
            p.push_back(mann_whitney_p(a, runs.independent(8, 1)));
        }
        const auto any_below = [](const std::vector<double>& values) {
            return std::any_of(values.begin(), values.end(), [](double v) { return v < kMissed; });
        };
        plain += any_below(p) ? 1 : 0;
        corrected += any_below(holm(p)) ? 1 : 0;
    }
    EXPECT_GT(plain, kMostWrong);
    EXPECT_LE(corrected, kMostWrong);
}
