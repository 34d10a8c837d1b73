// SPDX-License-Identifier: MIT
#include "client/report/html.hpp"
#include "client/report/json.hpp"
#include "client/report/read.hpp"
#include "client/report/text.hpp"
#include "client/result/bad_result.hpp"
#include "tests/unit/report/report_fixture.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

using namespace echoload;
using namespace std::chrono_literals;

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

// A run and its result, with something in every section.
struct FullRun {
    Options options = ten_seconds();
    RunResult result = good_run();

    FullRun() {
        const Stage ramp{100, 200, std::chrono::seconds(5)};
        options.pace = Pace{100, 200, {ramp, ramp}};
        result.tally.stages.begin({TimePoint(std::chrono::seconds(5)), TimePoint::max()});
        result.tally.stages.of(TimePoint()).due = 7;
        result.tally.record_response(TimePoint(), std::chrono::milliseconds(3));
        result.aborted = Aborted{Condition::parse_ending("p99>1s"), 2e9, std::chrono::seconds(4)};
        options.abuse.parse_connections("idle:2");
        options.abuse.parse_expected("idle=keep");
        for (const char* required :
             {"p50=1ns", "p99.99=1s", "rate>=10k", "bytes>1", "lost<=0", "errors<50%"}) {
            options.gates.push_back(Condition::parse_required(required));
        }
        options.percentiles = {25, 99.999};
        result.tally.response = result.tally.service;
        result.tally.lag = result.tally.service;
        result.tally.messages.due = 1000;
        result.tally.messages.measured_gone = 3;
        result.tally.connections.replaced = 1;
        result.tally.errors.add(Phase::read, ECONNRESET, 2);
        result.tally.errors.add(Phase::close, kEndOfFile, 1);
        result.tally.count(MismatchKind::corrupt);
        result.tally.count(MismatchKind::duplicate);
        result.mismatches.push_back(flipped_bit());
        result.mismatches.back().came = Origin{1, 2, 3};
        result.rate = AchievedRate{100, 99.5};
        result.abuse.emplace();
        AbuseCounts& idle = (*result.abuse)[static_cast<std::size_t>(AbuseMode::idle)];
        idle.asked = 2;
        idle.median_open = std::chrono::microseconds(1'234'567);
        result.client = ProcessUse{4711, 0.5, 0.25, false, 0.125, Throttling{7, 3}, 1, 2, 3, 4};
        result.server = result.client;
        result.server->too_short = true;
        result.loops.resize(2);
        result.loops[1].wall = std::chrono::seconds(10);
        result.loops[1].user = std::chrono::seconds(5);
        result.loops[1].polled = std::chrono::seconds(1);
        result.loops[1].turns = 3;
        result.loops[1].longest_turn = std::chrono::microseconds(17);
        result.addresses = {{"name:1", "127.0.0.1:1", 2, 1, 999, {}, result.tally},
                            {"name:1", "127.0.0.2:1", 0, 0, 0, result.tally.errors, {}},
                            {"other:1", "127.0.0.3:1", 0, 0, 0, {}, {}}};
        result.fairness =
            find_fairness({{0, 40'000, 10, 10ms}, {1, 40'001, 10, 50ms}, {2, 1, 0, 0ms}});
        result.steadiness = Steadiness{100, 50, false};
    }

    [[nodiscard]] StoredResult stored() const {
        return stored_result(options, &result, judge(options, result));
    }
};

std::string full_report() {
    return write_json(result_json(FullRun().stored()));
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

TEST(ReadResult, TextAndPageAreThoseOfTheRun) {
    FullRun closed;
    closed.options.pace.reset();
    closed.result.rate.reset();
    closed.options.warmup = std::chrono::nanoseconds(1'234'567);
    closed.options.threads = 3;
    closed.options.think = std::chrono::milliseconds(20);
    closed.options.source = SourceRange::parse("127.0.0.0/8");
    closed.options.conn_messages = 1000;
    closed.options.close = Close::half;
    closed.options.verify = VerifyLevel::header;
    closed.options.connect_rate = 50.5;
    closed.options.duration.reset();
    closed.options.messages = 1'000'000;
    FullRun good;
    good.result = good_run();
    FullRun nothing;
    nothing.result = {};
    nothing.result.abuse.emplace();
    for (const FullRun& run : {FullRun(), closed, good, nothing}) {
        const StoredResult fresh = run.stored();
        const TemporaryFile file(write_json(result_json(fresh)));
        const StoredResult read = read_result(file.path());
        EXPECT_EQ(text_report(read), text_report(fresh));
        EXPECT_EQ(text_failures(read), text_failures(fresh));
        EXPECT_EQ(html_report(read, Timeline()), html_report(fresh, Timeline()));
    }
}

TEST(ReadResult, AResultOfAnEarlierVersionHasATextAndAPage) {
    Json earlier = Json::parse(full_report());
    for (const char* key :
         {"clock", "addresses", "gates", "limit", "client", "loops", "mismatches"}) {
        earlier.erase(key);
    }
    earlier["asked"] = Json::object();
    const TemporaryFile file(write_json(earlier));
    const StoredResult result = read_result(file.path());
    EXPECT_NE(text_report(result).find("- loop, - connections with - in flight"),
              std::string::npos);
    EXPECT_NE(html_report(result, Timeline()).find("Verdict: wrong echo"), std::string::npos);
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
    EXPECT_EQ(error_of("{\"window_s\": 1e999}"), "is no JSON: number overflow parsing '1e999'");
    EXPECT_EQ(error_of(with("\"schema\": 1", "\"schema\": 2")), "schema: must be 1");
    EXPECT_EQ(error_of(with("\"verified\": 1000", "\"verified\": -1")),
              "messages.verified: must be a whole number");
    EXPECT_EQ(error_of(with("\"verified\": 1000", "\"verified\": \"all\"")),
              "messages.verified: must be a whole number");
    EXPECT_EQ(error_of(with("\"targets\": [", "\"targets\": [7, ")),
              "asked.targets[0]: must be a text");
    EXPECT_EQ(error_of(with("\"timeout_s\": 10.0", "\"timeout_s\": \"10s\"")),
              "asked.timeout_s: must be a number or null");
    EXPECT_EQ(error_of(with("\"overtaken\": 1", "\"overtaken\": []")),
              "addresses[0].overtaken: must be a whole number");
    EXPECT_EQ(error_of(with("\"pid\": 4711", "\"pid\": -1")), "client.pid: must be a whole number");
    EXPECT_EQ(error_of(with("\"longest_turn_ns\": 17000", "\"longest_turn_ns\": 1e99")),
              "loops[1].longest_turn_ns: must be a whole number");
    EXPECT_EQ(error_of(with("\"limited_by\": \"", "\"limited_by\": 7, \"\": \"")),
              "limit.limited_by: must be a text");
    EXPECT_EQ(error_of(with("\"gate\": \"p50\"", "\"gate\": null")),
              "gates[0].gate: must be a text");
    EXPECT_EQ(error_of(with("\"allowed\": 1,", "\"allowed\": 1e300,")),
              "gates[0].allowed: is out of range");
    EXPECT_EQ(error_of(with("\"kind\": \"corrupt\"", "\"kind\": \"odd\"")),
              "mismatches[0].kind: must be corrupt, truncated, extra, duplicate, reordered or "
              "foreign");
    EXPECT_EQ(error_of(with("\"received_hex\": \"", "\"received_hex\": \"0")),
              "mismatches[0].received_hex: must be pairs of hexadecimal digits");
    EXPECT_EQ(error_of(with("\"met\": false", "\"met\": 0")),
              "abuse.idle.met: must be true or false");
    EXPECT_EQ(error_of(with("\"exit_code\": 4", "\"exit_code\": 4000000000")),
              "verdict.exit_code: must be an exit code, 0 to 255");
    EXPECT_EQ(error_of(with("\"scheme\": \"log-linear-1024\"", "\"scheme\": \"\"")),
              "response.histogram.scheme: must be log-linear-1024");
}
