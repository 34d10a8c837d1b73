// SPDX-License-Identifier: MIT
#include "client/compare/one_run.hpp"
#include "client/result/bad_result.hpp"

#include <gtest/gtest.h>

using namespace echoload;

namespace {

// A part of a merged result, as merge stores it.
ReadResult measured(const std::string& file, int seed, const char* from, const char* to,
                    double seconds) {
    ReadResult read;
    read.file = file;
    read.result.requested = {{"loop", "closed"}};
    read.result.merged = Json::array({{{"file", file},
                                       {"seed", seed},
                                       {"started", from},
                                       {"measured_from", from},
                                       {"measured_to", to},
                                       {"window_s", seconds},
                                       {"messages_per_s", 10.0}}});
    return read;
}

std::string error_of(const std::vector<ReadResult>& results) {
    try {
        require_one_run(results);
        return "";
    } catch (const BadResult& error) {
        return error.what();
    }
}

const ReadResult kFirst =
    measured("a", 1, "2026-11-22T21:34:48.000000Z", "2026-11-22T21:34:58.000000Z", 10);

} // namespace

TEST(OneRun, PartsThatOverlapByHalfOrMoreAreOne) {
    EXPECT_EQ(error_of({kFirst, measured("b", 2, "2026-11-22T21:34:53.000000Z",
                                         "2026-11-22T21:35:03.000000Z", 10)}),
              "");
    EXPECT_EQ(error_of({kFirst, measured("b", 2, "2026-11-22T21:34:53.000001Z",
                                         "2026-11-22T21:35:03.000001Z", 10)}),
              "a and b are not parts of one run: they were not measured at the same time "
              "(2026-11-22T21:34:48.000000Z to 2026-11-22T21:34:58.000000Z, "
              "2026-11-22T21:34:53.000001Z to 2026-11-22T21:35:03.000001Z), and only rates of the "
              "same time can be added");
}

TEST(OneRun, WithForceTimesAreNotCompared) {
    const ReadResult later =
        measured("b", 2, "2026-11-22T22:00:00.000000Z", "2026-11-22T22:00:01.000000Z", 1);
    EXPECT_NE(error_of({kFirst, later}), "");
    require_one_run({kFirst, later}, true);
    EXPECT_THROW(require_one_run({kFirst, kFirst}, true), BadResult) << "it would count twice";
}

TEST(OneRun, AMeasuredPartThatBeginsAtATimeFollowsThatTime) {
    StoredResult result;
    result.started = "2026-11-22T23:59:55.000000Z";
    result.ramp_up_s = 0.5;
    result.window_s = 2;
    result.requested = {{"warmup_s", 1.0}};
    result.start = {{"at", "2026-11-23T00:00:00.000000Z"}, {"late_s", 0.25}};
    EXPECT_EQ(measured_part(result)->from, "2026-11-23T00:00:01.250000Z");
    EXPECT_EQ(measured_part(result)->to, "2026-11-23T00:00:03.250000Z");
}

TEST(OneRun, LengthsThatDifferByMoreThanATenthAreRefused) {
    const char* const from = "2026-11-22T21:34:48.000000Z";
    EXPECT_EQ(error_of({kFirst, measured("b", 2, from, "2026-11-22T21:34:57.000000Z", 9)}), "");
    EXPECT_NE(error_of({kFirst, measured("b", 2, from, "2026-11-22T21:34:56.900000Z", 8.9)}), "");
}

TEST(OneRun, APartWithoutTimesIsNotCheckedForThem) {
    ReadResult older = measured("b", 2, "", "", 10);
    EXPECT_EQ(error_of({kFirst, older}), "");
    older.result.merged[0]["window_s"] = nullptr; // it never began
    ReadResult other = older;
    other.result.merged[0]["seed"] = 3;
    EXPECT_EQ(error_of({kFirst, older, other}), "");
    EXPECT_NE(error_of({kFirst, older, older}), "") << "it would count twice";
    older.result.merged[0]["started"] = nullptr;
    EXPECT_EQ(error_of({kFirst, older, older}), "") << "two may have one seed";
}

TEST(OneRun, AResultCountsOnce) {
    EXPECT_EQ(error_of({kFirst, kFirst}), "a and a are not parts of one run: they are the same "
                                          "result, which may be added once only");
}

TEST(OneRun, WrongTypesInAPartAreErrorsThatNameTheirPlace) {
    ReadResult wrong = measured("b", 2, "", "", 10);
    wrong.result.merged[0]["clock"] = {{"synchronised", "yes"}};
    EXPECT_EQ(error_of({kFirst, wrong}), "b: merged[0].clock.synchronised: must be true or false");
    wrong.result.merged[0]["clock"] = nullptr;
    EXPECT_EQ(error_of({kFirst, wrong}), "");
    wrong.result.merged[0]["file"] = 5;
    EXPECT_EQ(error_of({kFirst, wrong}), "b: merged[0].file: must be a text");
    wrong.result.merged[0] = "text";
    EXPECT_EQ(error_of({kFirst, wrong}), "b: merged[0]: must be an object");
}

TEST(OneRun, TheMeasuredPartBeginsAfterRampUpAndWarmUp) {
    StoredResult result;
    EXPECT_FALSE(measured_part(result));
    result.started = "2026-11-22T23:59:59.250000Z";
    result.ramp_up_s = 0.5;
    result.window_s = 2;
    result.requested = {{"warmup_s", 1.0}};
    const auto part = measured_part(result);
    ASSERT_TRUE(part);
    EXPECT_EQ(part->from, "2026-11-23T00:00:00.750000Z");
    EXPECT_EQ(part->to, "2026-11-23T00:00:02.750000Z");
    result.started = "2026-11-22T21:34:48Z"; // of an earlier version
    EXPECT_EQ(measured_part(result)->from, "2026-11-22T21:34:49.500000Z");
    for (const char* wrong :
         {"", "x", "2026-11-22", "2026-11-22T21:34:48", "2026-11-22T21:34:48.Z",
          "2026-11-22T21:34:48Zx", "9999-11-22T21:34:48Z", "1969-11-22T21:34:48Z",
          "2261-12-31T21:34:48Z", "2026-11-22T21:34:48.5e30Z"}) {
        result.started = wrong;
        EXPECT_FALSE(measured_part(result)) << wrong;
    }
    result.started = "2026-11-22T21:34:48Z";
    result.ramp_up_s = 1e300;
    EXPECT_FALSE(measured_part(result));
    result.ramp_up_s = -1;
    EXPECT_FALSE(measured_part(result));
}
