// SPDX-License-Identifier: MIT
#include "server/log/dropping_sink.hpp"

#include <gtest/gtest.h>
#include <spdlog/logger.h>

#include <memory>
#include <string>
#include <vector>

using namespace echod;

namespace {

// A sink that can be full, and stores the lines that it writes.
class TestSink final : public DroppingSink {
public:
    bool full = false;
    std::vector<std::string> lines;

private:
    bool write_line(const spdlog::details::log_msg& message) noexcept override {
        if (!full) {
            lines.push_back(std::to_string(priority_of(message.level)) + " " +
                            std::string(view(message.payload)));
        }
        return !full;
    }
};

class DroppingSinkTest : public testing::Test {
protected:
    std::shared_ptr<TestSink> sink = std::make_shared<TestSink>();
    spdlog::logger logger{DroppingSink::kIdentifier, sink};
};

} // namespace

TEST_F(DroppingSinkTest, LinesHaveThePriorityOfTheirLevel) {
    logger.set_level(spdlog::level::debug);
    logger.debug("a");
    logger.info("b");
    logger.warn("c");
    logger.error("d");
    EXPECT_EQ(sink->lines, (std::vector<std::string>{"7 a", "6 b", "4 c", "3 d"}));
}

TEST_F(DroppingSinkTest, DroppedLinesAreCountedBehindTheNextLineThatIsWritten) {
    sink->full = true;
    logger.info("lost");
    logger.info("lost too");
    EXPECT_TRUE(sink->lines.empty());
    sink->full = false;
    logger.info("written");
    logger.info("and another");
    EXPECT_EQ(
        sink->lines,
        (std::vector<std::string>{
            "6 written", "4 2 log lines before this one could not be written and were dropped",
            "6 and another"}));
}
