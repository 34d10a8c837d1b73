// SPDX-License-Identifier: MIT
#include "client/load/pacer.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

struct PacerTest : testing::Test {
    PacerTest() {
        plan.connections = 1;
        plan.pipeline = 4;
    }

    WorkerPlan plan;
    Session session{0, 0};
};

} // namespace

TEST_F(PacerTest, AClosedLoopFillsThePipeline) {
    Pacer pacer(plan);
    EXPECT_TRUE(pacer.is_plain());
    pacer.refill(session, 0);
    EXPECT_EQ(session.granted(), 4U);
    EXPECT_EQ(pacer.outstanding(), 4U);
    pacer.refill(session, 0);
    EXPECT_EQ(session.granted(), 4U);
}

TEST_F(PacerTest, MessagesThatWaitForThePauseAreNotGranted) {
    plan.think = 1ms;
    Pacer pacer(plan);
    EXPECT_FALSE(pacer.is_plain());
    pacer.refill(session, 3);
    EXPECT_EQ(session.granted(), 1U);
}

TEST_F(PacerTest, OnlyWholeSendCallsAreGranted) {
    plan.coalesce = 3;
    Pacer pacer(plan);
    pacer.refill(session, 0);
    EXPECT_EQ(session.granted(), 3U);
}

TEST_F(PacerTest, AConnectionGetsNoMoreThanItsMessages) {
    plan.conn_messages = 2;
    Pacer pacer(plan);
    pacer.refill(session, 0);
    EXPECT_EQ(session.granted(), 2U);
}

TEST_F(PacerTest, MessagesThatAreGivenBackCanBeGrantedAgain) {
    plan.messages = 4;
    Pacer pacer(plan);
    EXPECT_FALSE(pacer.measure());
    pacer.refill(session, 0);
    EXPECT_TRUE(pacer.exhausted());
    EXPECT_FALSE(pacer.done());
    EXPECT_TRUE(pacer.give_back(session));
    EXPECT_FALSE(pacer.exhausted());
    EXPECT_EQ(pacer.outstanding(), 0U);
}

TEST_F(PacerTest, NothingIsGrantedBeforeTheMeasuredPartWhereMessagesAreHeldBack) {
    plan.messages = 4;
    plan.hold = true;
    Pacer pacer(plan);
    pacer.refill(session, 0);
    EXPECT_EQ(session.granted(), 0U);
    EXPECT_TRUE(pacer.measure());
    pacer.refill(session, 0);
    EXPECT_EQ(session.granted(), 4U);
}

TEST_F(PacerTest, AnOpenLoopGrantsWhatIsDueUpToThePipeline) {
    plan.arrivals.emplace(Pace{1000, 1000}, Arrival::constant, 1s, std::nullopt, LoopShare{}, 1);
    plan.max_in_flight = 100;
    Pacer pacer(plan);
    OpenLoop& loop = *pacer.open_loop();
    loop.begin(TimePoint(10s), TimePoint(10s));
    loop.add_connection(0);
    Tally tally;
    loop.dispatch(
        TimePoint(10s) + 5ms, TimePoint(11s), 0, tally, [](std::uint32_t) { return true; },
        [](std::uint32_t) { return true; },
        [this](std::uint32_t, const OpenLoop::Due& due) {
            session.wait_to_queue(due.when, due.measured);
        },
        [&](std::uint32_t) { pacer.refill(session, 0); });
    EXPECT_EQ(session.granted(), 4U);
    EXPECT_EQ(session.waiting(), 2U);
    EXPECT_EQ(loop.waiting(), 2U);
    pacer.forget(session);
    EXPECT_EQ(loop.waiting(), 0U);
    EXPECT_EQ(pacer.outstanding(), 0U);
}
