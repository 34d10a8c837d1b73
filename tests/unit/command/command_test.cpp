// SPDX-License-Identifier: MIT
#include "client/command/command.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace echoload;

namespace {

struct Ended {
    int code = 0;
    std::string out;
    std::string err;
};

Ended run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "echoload");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ended ended;
    ended.code = run_command(static_cast<int>(arguments.size()), arguments.data());
    std::fflush(stdout);
    ended.out = testing::internal::GetCapturedStdout();
    ended.err = testing::internal::GetCapturedStderr();
    return ended;
}

} // namespace

TEST(Command, TheVersionGoesToStandardOutput) {
    const Ended ended = run({"--version"});
    EXPECT_EQ(ended.code, 0);
    EXPECT_TRUE(ended.out.starts_with("echoload ")) << ended.out;
    EXPECT_EQ(ended.err, "");
}

TEST(Command, EachErrorIsOneLineAndHasItsExitCode) {
    const struct {
        std::vector<const char*> arguments;
        int code;
        const char* words;
    } cases[] = {
        {{"no-colon"}, 2, "see echoload --help"},
        {{"--duration", "soon", "a:1"}, 2, "--duration"},
        {{"merge", "/nonexistent"}, 2, "cannot read /nonexistent: ENOENT"},
        {{"compare", "/nonexistent", "b"}, 2, "cannot read /nonexistent: ENOENT"},
        {{"-o", "/nonexistent/file", "127.0.0.1:1"}, 1, "cannot write /nonexistent/file: ENOENT"},
    };
    for (const auto& each : cases) {
        const Ended ended = run(each.arguments);
        EXPECT_EQ(ended.code, each.code) << each.words;
        EXPECT_EQ(ended.out, "");
        EXPECT_NE(ended.err.find(each.words), std::string::npos) << ended.err;
        EXPECT_EQ(ended.err.find('\n'), ended.err.size() - 1) << ended.err;
    }
}

TEST(Command, ARunThatIsNotPossibleStillHasItsJson) {
    const Ended ended = run({"--format", "json", "--server-pid", "2147483647", "127.0.0.1:1"});
    EXPECT_EQ(ended.code, 1);
    EXPECT_NE(ended.err.find("there is no process 2147483647"), std::string::npos) << ended.err;
    EXPECT_NE(ended.out.find("\"outcome\": \"not possible\""), std::string::npos) << ended.out;
}
