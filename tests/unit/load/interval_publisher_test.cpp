// SPDX-License-Identifier: MIT
#include "client/load/interval_publisher.hpp"

#include <gtest/gtest.h>

#include <array>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{1000s};

void publish_verified(IntervalPublisher& publisher, std::uint64_t verified, std::uint32_t open,
                      TimePoint now) {
    Tally tally;
    tally.stages.begin({kStart + 1h});
    tally.messages.verified = verified;
    for (std::uint64_t i = 0; i < verified; ++i) {
        tally.service.record(1ms);
        tally.record_response(kStart, 1ms);
    }
    const std::array<Tally, 1> tallies{tally};
    const std::array<std::uint32_t, 1> up{open};
    publisher.publish({tallies, up, std::nullopt}, now);
}

} // namespace

TEST(IntervalPublisher, EachIntervalHasItsOwnCounts) {
    IntervalPublisher publisher(1s, kStart);
    EXPECT_FALSE(publisher.take());
    for (const std::uint64_t verified : {5U, 3U, 7U, 0U}) {
        publish_verified(publisher, verified, 2, publisher.next());
        const auto taken = publisher.take();
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->tally.messages.verified, verified);
        EXPECT_EQ(taken->tally.service.count(), verified);
        EXPECT_EQ(taken->tally.stages.rows().at(0).response.count(), verified);
        EXPECT_EQ(taken->addresses.at(0).verified, verified);
        EXPECT_EQ(taken->open, 2U);
        EXPECT_FALSE(publisher.take());
    }
}

TEST(IntervalPublisher, IntervalsThatAreNotTakenInTimeAddUp) {
    IntervalPublisher publisher(1s, kStart);
    publish_verified(publisher, 1, 9, kStart + 1s);
    EXPECT_EQ(publisher.take()->tally.messages.verified, 1U);
    publish_verified(publisher, 2, 9, kStart + 2s);
    publish_verified(publisher, 3, 4, kStart + 3500ms);
    EXPECT_EQ(publisher.next(), kStart + 4s) << "the grid stays";
    const auto taken = publisher.take();
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->tally.messages.verified, 5U);
    EXPECT_EQ(taken->tally.service.count(), 5U);
    EXPECT_EQ(taken->open, 4U) << "of the last one";
}
