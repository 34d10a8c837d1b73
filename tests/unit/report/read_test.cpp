// SPDX-License-Identifier: MIT
#include "client/report/json.hpp"
#include "client/report/read.hpp"
#include "client/result/bad_result.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

using namespace echoload;

namespace {

// A file of that text, removed at the end.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& text) {
        const int fd = ::mkstemp(path_.data());
        EXPECT_GE(fd, 0);
        ::close(fd);
        std::ofstream(path_) << text;
    }
    ~TemporaryFile() { std::remove(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_ = "/tmp/echoload-read-XXXXXX";
};

// A result with something in every section.
std::string full_report() {
    Options options = ten_seconds();
    options.pace = Pace{100, 200};
    options.abuse.parse_connections("idle:2");
    options.abuse.parse_expected("idle=keep");
    RunResult result = good_run();
    result.tally.response = result.tally.service;
    result.tally.lag = result.tally.service;
    result.tally.messages.due = 1000;
    result.tally.errors.add(Phase::read, ECONNRESET, 2);
    result.tally.count(MismatchKind::corrupt);
    result.mismatches.push_back(flipped_bit());
    result.rate = AchievedRate{100, 99.5};
    result.abuse.emplace();
    (*result.abuse)[static_cast<std::size_t>(AbuseMode::idle)].asked = 2;
    result.client.emplace();
    result.loops.emplace_back();
    return json_report(options, &result, judge(options, result));
}

std::string error_of(const std::string& text) {
    const TemporaryFile file(text);
    try {
        (void)read_result(file.path());
    } catch (const BadResult& error) {
        const std::string what = error.what();
        EXPECT_TRUE(what.starts_with(file.path() + ": ")) << what;
        return what.substr(std::min(what.size(), file.path().size() + 2));
    }
    return "it was read";
}

// full_report() with `changed` in the place of `part`.
std::string with(const std::string& part, const std::string& changed) {
    std::string text = full_report();
    const std::size_t at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return text.replace(at, part.size(), changed);
}

} // namespace

TEST(ReadResult, ReadsEveryFigureThatTheReportWrites) {
    const std::string text = full_report();
    const TemporaryFile file(text);
    const StoredResult result = read_result(file.path());
    EXPECT_EQ(write_json(result_json(result)), text);
    EXPECT_EQ(result.messages->verified, 1000U);
    EXPECT_EQ(result.connections->up_per_s, 0.0);
    EXPECT_EQ(result.find_latency("response")->histogram.count(), 1000U);
    EXPECT_EQ(result.verdict.exit_code, 4);
}

TEST(ReadResult, ARunThatNeverBeganHasNoFigures) {
    const std::string text = json_report(ten_seconds(), nullptr, not_possible("no descriptors"));
    const TemporaryFile file(text);
    const StoredResult result = read_result(file.path());
    EXPECT_EQ(write_json(result_json(result)), text);
    EXPECT_FALSE(result.messages);
    EXPECT_EQ(result.find_latency("latency"), nullptr);
}

TEST(ReadResult, ACounterThatAnEarlierVersionDidNotWriteIsZero) {
    const TemporaryFile file(with("\"drained\": 0,", ""));
    EXPECT_EQ(read_result(file.path()).connections->drained, 0U);
}

TEST(ReadResult, AnErrorNamesTheFileAndThePlace) {
    EXPECT_EQ(error_of("[]"), "must be an object, the result of echoload");
    EXPECT_EQ(error_of("{}"), "program: is missing");
    EXPECT_EQ(error_of("{\"program\": \"wrk\"}"), "program: must be \"echoload\"");
    EXPECT_TRUE(error_of("{").starts_with("is no JSON: parse error at line 1"));
    EXPECT_EQ(error_of(with("\"schema\": 1", "\"schema\": 2")), "schema: must be 1");
    EXPECT_EQ(error_of(with("\"verified\": 1000", "\"verified\": -1")),
              "messages.verified: must be a whole number");
    EXPECT_EQ(error_of(with("\"verified\": 1000", "\"verified\": \"all\"")),
              "messages.verified: must be a whole number");
    EXPECT_EQ(error_of(with("\"targets\": [", "\"targets\": [7, ")),
              "asked.targets[0]: must be a text");
    EXPECT_EQ(error_of(with("\"met\": false", "\"met\": 0")),
              "abuse.idle.met: must be true or false");
    EXPECT_EQ(error_of(with("\"exit_code\": 4", "\"exit_code\": 4000000000")),
              "verdict.exit_code: must be an exit code, 0 to 255");
    EXPECT_EQ(error_of(with("\"scheme\": \"log-linear-1024\"", "\"scheme\": \"\"")),
              "response.histogram.scheme: must be log-linear-1024");
}
