// SPDX-License-Identifier: MIT
#include "client/report/replay.hpp"
#include "report_fixture.hpp"

#include <gtest/gtest.h>

using namespace echoload;

namespace {

StoredResult run_with(const Json& options = Json::object()) {
    StoredResult result;
    result.seed = std::uint64_t{7};
    result.requested = {{"targets", Json::array({"server:8007"})},
                        {"sizes", "uniform:0-1016"},
                        {"pipeline", 1},
                        {"split", "none"},
                        {"coalesce", 1},
                        {"verify", "full"}};
    result.requested.update(options);
    return result;
}

} // namespace

TEST(ReplayLine, ItHasTheMessageAndTheTarget) {
    EXPECT_EQ(replay_text(7, 17, 4711), "7:17:4711");
    EXPECT_EQ(replay_line(run_with(), flipped_bit()),
              "  again: echoload --replay 7:17:4711 server:8007\n");
}

TEST(ReplayLine, OptionsOnWhichTheMessagesDependAreRepeated) {
    EXPECT_EQ(replay_line(run_with({{"sizes", "edges"},
                                    {"pipeline", 8},
                                    {"split", "random"},
                                    {"coalesce", 2},
                                    {"verify", "header"}}),
                          flipped_bit()),
              "  again: echoload --replay 7:17:4711 --sizes edges -p 8 --split random --coalesce 2 "
              "--verify header server:8007\n");
}

TEST(ReplayLine, OfSeveralTargetsItIsTheOneOfTheConnection) {
    EXPECT_EQ(replay_line(run_with({{"targets", {"one:1", "two:2"}}}), flipped_bit()),
              "  again: echoload --replay 7:17:4711 127.0.0.1:8007\n");
}

TEST(ReplayLine, WherePartsDifferInTheSeedOrTheSizesThereIsNone) {
    StoredResult result = run_with();
    result.seed = nullptr;
    EXPECT_EQ(replay_line(result, flipped_bit()), "");
    EXPECT_EQ(replay_line(run_with({{"sizes", nullptr}}), flipped_bit()), "");
}
