// SPDX-License-Identifier: MIT
#include "client/compare/parts.hpp"
#include "client/result/bad_result.hpp"

#include <gtest/gtest.h>

using namespace echoload;

namespace {

constexpr const char* kNoon = "2026-11-29T12:00:00.000000Z";

// The result of part `number` of three, as merge reads it.
ReadResult one_of_three(int number, double late_s = 0, const char* at = kNoon) {
    ReadResult read;
    read.file = std::to_string(number) + ".json";
    read.result.seed = 7;
    read.result.requested = {{"connections", 10}, {"threads", number}, {"sizes", "edges"}};
    read.result.part = {{"number", number}, {"of", 3}, {"first_connection", 0}};
    read.result.merged = Json::array(
        {{{"file", read.file},
          {"started", "2026-11-29T11:59:55.000000Z"},
          {"start", {{"at", at}, {"late_s", late_s}}},
          {"part", read.result.part},
          {"verdict", {{"outcome", "ok"}, {"exit_code", 0}, {"reasons", Json::array()}}}}});
    return read;
}

std::string error_of_parts(const std::vector<ReadResult>& results, bool force = false) {
    try {
        require_parts_of_one_run(results, force);
        return "";
    } catch (const BadResult& error) {
        return error.what();
    }
}

Json rows(const std::vector<ReadResult>& results) {
    Json all = Json::array();
    for (const ReadResult& each : results) {
        all.insert(all.end(), each.result.merged.begin(), each.result.merged.end());
    }
    return all;
}

} // namespace

TEST(Parts, TheyAreOfOneRunWhateverTheirOrder) {
    EXPECT_EQ(error_of_parts({one_of_three(3), one_of_three(1), one_of_three(2)}), "");
    EXPECT_EQ(parts_json(rows({one_of_three(3), one_of_three(1), one_of_three(2)})),
              Json({{"of", 3}, {"missing", Json::array()}, {"late", Json::array()}}));
}

TEST(Parts, WhatDiffersIsNamed) {
    ReadResult other = one_of_three(2);
    other.result.seed = 8;
    EXPECT_EQ(error_of_parts({one_of_three(1), other}),
              "1.json and 2.json are not parts of one run: their seeds are 7 and 8");
    other = one_of_three(2);
    other.result.requested["sizes"] = "fixed:64";
    EXPECT_EQ(error_of_parts({one_of_three(1), other}),
              "1.json and 2.json are not parts of one run: sizes is \"edges\" and \"fixed:64\"");
    EXPECT_EQ(error_of_parts({one_of_three(1), one_of_three(1)}),
              "1.json and 1.json are not parts of one run: both are part 1 of 3");
    other = one_of_three(2);
    other.result.merged[0]["part"]["of"] = 4;
    EXPECT_EQ(error_of_parts({one_of_three(1), other}),
              "1.json and 2.json are not parts of one run: they are parts of 3 and of 4");
    other = one_of_three(2);
    other.result.part = other.result.merged[0]["part"] = nullptr;
    for (const auto& both : {std::vector{one_of_three(1), other}, {other, one_of_three(1)}}) {
        EXPECT_NE(error_of_parts(both, true)
                      .find("1.json is part 1 of 3, the other one is none (--part)"),
                  std::string::npos);
    }
}

TEST(Parts, OneThatBeganLateIsRefusedWithoutForce) {
    EXPECT_EQ(error_of_parts({one_of_three(1), one_of_three(2, 0.1)}), "");
    const std::vector<ReadResult> late = {one_of_three(1), one_of_three(2, 1.3)};
    EXPECT_EQ(error_of_parts(late),
              "2.json (part 2 of 3) began 1.30s late, and only rates of the same time can be added "
              "(--force merges it all the same)");
    EXPECT_EQ(error_of_parts(late, true), "");
    EXPECT_EQ(parts_json(rows(late)), Json({{"of", 3}, {"missing", {3}}, {"late", {2}}}));
}

TEST(Parts, OneThatWasToBeginAtAnotherTimeIsRefusedWithoutForce) {
    const std::vector<ReadResult> differ = {one_of_three(1),
                                            one_of_three(2, 0, "2026-11-29T12:00:00.200000Z")};
    EXPECT_EQ(error_of_parts(differ),
              "1.json and 2.json are not parts of one run: they were to begin at "
              "2026-11-29T12:00:00.000000Z and at 2026-11-29T12:00:00.200000Z (--force merges them "
              "all the same)");
    EXPECT_EQ(error_of_parts(differ, true), "");
    ReadResult none = one_of_three(2);
    none.result.merged[0]["start"] = nullptr;
    EXPECT_NE(error_of_parts({one_of_three(1), none}).find("1.json was to begin at a time"),
              std::string::npos);
    none.result.merged[0]["started"] = nullptr; // it never began, which its verdict says
    EXPECT_EQ(error_of_parts({one_of_three(1), none}), "");
}

TEST(Parts, ResultsThatAreNoPartsAreNotCheckedForThem) {
    ReadResult plain;
    plain.file = "plain.json";
    plain.result.merged = Json::array({{{"file", "plain.json"}}});
    EXPECT_EQ(error_of_parts({plain, plain}), "");
    EXPECT_FALSE(is_of_parts(plain.result));
    EXPECT_TRUE(is_of_parts(one_of_three(1).result));
    EXPECT_TRUE(parts_json(plain.result.merged).is_null());
    EXPECT_TRUE(parts_json(Json::array()).is_null());
}

TEST(Parts, AMissingOneIsNotDeliveredUnlessAVerdictIsWorse) {
    ReadResult second = one_of_three(2);
    Json merged = rows({one_of_three(1), second});
    StoredVerdict verdict = verdict_of_parts(merged, parts_json(merged), {"3.json"});
    EXPECT_EQ(verdict.outcome, "not delivered");
    EXPECT_EQ(verdict.exit_code, 5);
    EXPECT_EQ(verdict.reasons, (std::vector<std::string>{"3.json: there is no result in it",
                                                         "part 3 of 3 is missing"}));
    second.result.merged[0]["verdict"] = {
        {"outcome", "wrong echo"}, {"exit_code", 4}, {"reasons", {"1 echo was wrong"}}};
    merged = rows({one_of_three(1), second});
    verdict = verdict_of_parts(merged, parts_json(merged), {});
    EXPECT_EQ(verdict.exit_code, 4);
    EXPECT_EQ(verdict.reasons.front(), "2.json: 1 echo was wrong");
    merged = rows({one_of_three(1), one_of_three(2), one_of_three(3)});
    verdict = verdict_of_parts(merged, parts_json(merged), {});
    EXPECT_EQ(verdict.outcome, "ok");
    EXPECT_TRUE(verdict.reasons.empty());
}
