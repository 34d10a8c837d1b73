// SPDX-License-Identifier: MIT
#include "client/statistics/ranks.hpp"
#include "tests/unit/statistics/samples.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace echoload;

namespace {

// The sum of the mean ranks of the values that are chosen.
double rank_sum(const std::vector<double>& all, const std::vector<bool>& chosen) {
    double sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (chosen[i]) {
            for (const double other : all) {
                sum += other < all[i] ? 1 : (other == all[i] ? 0.5 : 0);
            }
            sum += 0.5;
        }
    }
    return sum;
}

// The definition: all ways to divide the values are tried.
double p_by_enumeration(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> all = a;
    all.insert(all.end(), b.begin(), b.end());
    std::vector<bool> chosen(all.size());
    std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(a.size()), true);
    const double observed = rank_sum(all, chosen);
    double count = 0;
    double below = 0;
    double above = 0;
    do {
        const double sum = rank_sum(all, chosen);
        ++count;
        below += sum <= observed ? 1 : 0;
        above += sum >= observed ? 1 : 0;
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
    return std::min(1.0, 2 * std::min(below, above) / count);
}

} // namespace

// scipy.stats.mannwhitneyu(a, b, method="exact").pvalue
TEST(MannWhitney, IsThatOfScipyWhereNoValuesAreEqual) {
    EXPECT_DOUBLE_EQ(mann_whitney_p(kBefore, kAfter), 0.0021645021645021645);
    EXPECT_DOUBLE_EQ(mann_whitney_p(kAfter, kBefore), 0.0021645021645021645);
    EXPECT_DOUBLE_EQ(mann_whitney_p({1.1, 2.2, 3.3, 4.4, 5.5, 6.6}, {2.0, 3.0, 4.0, 5.0, 6.0, 7.0}),
                     0.6991341991341992);
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 30; ++i) {
        a.push_back(100 + i * 1.37 + (i * i % 7) * 0.01);
        b.push_back(103.003 + i * 1.41);
    }
    EXPECT_NEAR(mann_whitney_p(a, b), 0.2927910521948256, 1e-12);
}

// scipy.stats.permutation_test((c, d), lambda x, y: rankdata(np.concatenate([x,
// y]))[:len(x)].sum(),
//     permutation_type="independent", n_resamples=np.inf, alternative="two-sided").pvalue
TEST(MannWhitney, IsExactWithEqualValues) {
    const std::vector<double> c = {100, 101, 101, 102, 103, 105};
    const std::vector<double> d = {101, 103, 104, 105, 105, 107, 108};
    EXPECT_DOUBLE_EQ(mann_whitney_p(c, d), 0.0641025641025641);
    EXPECT_EQ(mann_whitney_p({5, 5, 5, 5}, {5, 5, 5}), 1);
    EXPECT_EQ(mann_whitney_p({1}, {2}), 1);
}

TEST(MannWhitney, IsTheShareOfAllWaysToDivideTheValues) {
    std::mt19937_64 random(7); // NOLINT(cert-msc51-cpp)
    for (int round = 0; round < 200; ++round) {
        std::vector<double> a(1 + random() % 6);
        std::vector<double> b(1 + random() % 6);
        for (std::vector<double>* side : {&a, &b}) {
            for (double& value : *side) {
                value = static_cast<double>(random() % 8); // many are equal
            }
        }
        EXPECT_NEAR(mann_whitney_p(a, b), p_by_enumeration(a, b), 1e-12) << round;
    }
}

// scipy.stats.mannwhitneyu(x, y, method="asymptotic").pvalue, of 62 different values in 68
TEST(MannWhitney, OfManyValuesIsTheNormalApproximation) {
    std::vector<double> x;
    std::vector<double> y;
    for (int i = 0; i < 35; ++i) {
        x.push_back(std::round((100 + 0.7 * i + (i * 37 % 11)) * 10) / 10);
    }
    for (int i = 0; i < 33; ++i) {
        y.push_back(std::round((103 + 0.6 * i + (i * 29 % 13)) * 10) / 10);
    }
    EXPECT_NEAR(mann_whitney_p(x, y), 0.3836006772507615, 1e-9);
    EXPECT_EQ(mann_whitney_p(std::vector<double>(40, 3), std::vector<double>(40, 3)), 1);
}

// R: exp(-rev(wilcox.test(log(a), log(b), conf.int = TRUE, exact = TRUE)$conf.int)); the bounds are
// the sixth ratio from either end of sorted(y / x for x in a for y in b), since
// qwilcox(0.025, 6, 6) is 6.
TEST(RankSumInterval, HasTheFactorsThatTheTestDoesNotRefuse) {
    const Interval interval = rank_sum_interval(kBefore, kAfter);
    EXPECT_DOUBLE_EQ(interval.low, 1.0483558994197293);
    EXPECT_DOUBLE_EQ(interval.high, 1.1595744680851063);
    for (const double bound : {interval.low, interval.high}) {
        for (const double factor : {bound * 0.9999, bound * 1.0001}) {
            std::vector<double> scaled = kBefore;
            for (double& value : scaled) {
                value *= factor;
            }
            const bool inside = interval.low <= factor && factor <= interval.high;
            EXPECT_EQ(mann_whitney_p(scaled, kAfter) > kMissed, inside) << factor;
        }
    }
}

// R: qwilcox(0.025, 3, 4) is 0: no division of seven values is that rare.
TEST(RankSumInterval, OfTooFewValuesIsUnbounded) {
    const Interval interval = rank_sum_interval({1, 2, 3}, {7, 8, 9, 10});
    EXPECT_EQ(interval.low, 0);
    EXPECT_EQ(interval.high, std::numeric_limits<double>::infinity());
}

TEST(RankSumInterval, OfManyValuesContinuesThatOfFewer) {
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 30; ++i) {
        a.push_back(100 + i * 1.37);
        b.push_back(203 + i * 1.41);
    }
    const Interval exact = rank_sum_interval(a, b);
    a.push_back(120);
    b.push_back(223);
    const Interval normal = rank_sum_interval(a, b);
    EXPECT_NEAR(normal.low, exact.low, 0.01);
    EXPECT_NEAR(normal.high, exact.high, 0.01);
}

TEST(RankSumInterval, TakesZeros) {
    const Interval both = rank_sum_interval({0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0});
    EXPECT_EQ(both.low, 1);
    EXPECT_EQ(both.high, 1);
    const Interval one = rank_sum_interval({0, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1});
    EXPECT_EQ(one.low, std::numeric_limits<double>::infinity());
}

// R: exp(wilcox.test(log(r), conf.int = TRUE, exact = TRUE)$conf.int): the ninth of the 55 means of
// pairs from either end, since qsignrank(0.025, 10) is 9. scipy.stats.wilcoxon(log(r) - log(bound),
// mode="exact").pvalue is 0.0488 just outside of each bound and 0.0645 just inside.
TEST(SignedRankInterval, HasTheFactorsThatTheTestDoesNotRefuse) {
    const Interval interval =
        signed_rank_interval({1.02, 0.98, 1.10, 1.05, 0.97, 1.07, 1.12, 1.01, 1.04, 0.99});
    EXPECT_DOUBLE_EQ(interval.low, 0.9948869282486328);
    EXPECT_DOUBLE_EQ(interval.high, 1.07);
}

// R: qsignrank(0.025, 5) is 0; qsignrank(0.025, 6) is 1: the smallest and the largest.
TEST(SignedRankInterval, NeedsSixRatios) {
    const Interval five = signed_rank_interval({1.1, 1.2, 1.3, 1.4, 1.5});
    EXPECT_EQ(five.low, 0);
    EXPECT_EQ(five.high, std::numeric_limits<double>::infinity());
    const Interval six = signed_rank_interval({1.1, 1.2, 1.3, 1.4, 1.5, 1.6});
    EXPECT_EQ(six.low, 1.1);
    EXPECT_EQ(six.high, 1.6);
}

TEST(SignedRankInterval, OfManyRatiosContinuesThatOfFewer) {
    std::vector<double> ratios;
    for (int i = 0; i < 60; ++i) {
        ratios.push_back(1 + (i * 37 % 61) * 0.01);
    }
    const Interval exact = signed_rank_interval(ratios);
    ratios.push_back(1.3);
    const Interval normal = signed_rank_interval(ratios);
    EXPECT_NEAR(normal.low, exact.low, 0.005);
    EXPECT_NEAR(normal.high, exact.high, 0.005);
}

TEST(SignedRankInterval, TakesZerosAndInfinity) {
    const double infinite = std::numeric_limits<double>::infinity();
    const Interval interval = signed_rank_interval({0, infinite, 1, 1, 1, 1});
    EXPECT_EQ(interval.low, 0);
    EXPECT_EQ(interval.high, infinite);
}
