// SPDX-License-Identifier: MIT
#include "net/address.hpp"
#include "net/socket.hpp"
#include "server/control.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <vector>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// A control socket in a directory of its own, with a clock turned by hand.
class ControlTest : public testing::Test {
protected:
    ControlTest() {
        std::string pattern = testing::TempDir() + "echod-control-XXXXXX";
        directory = ::mkdtemp(pattern.data());
        path = directory / "control.sock";
    }
    ~ControlTest() override { std::filesystem::remove_all(directory); }

    std::unique_ptr<ControlSocket> make() {
        return std::make_unique<ControlSocket>(epoll, 0, [this](std::string_view command) {
            ++asked;
            return ControlAnswer{command != "bad",
                                 std::string(command) + std::string(padding, '.')};
        });
    }
    UniqueFd connect() const {
        const Endpoint at = resolve_target("unix:" + path).front();
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        EXPECT_EQ(::connect(fd.get(), at.address(), at.length()), 0);
        return fd;
    }
    void turn(ControlSocket& control) {
        std::array<epoll_event, 16> events{};
        const int n = epoll.wait(events, 10ms);
        for (int i = 0; i < n; ++i) {
            control.on_event(events[static_cast<std::size_t>(i)].data.u64, now);
        }
        control.expire(now);
    }
    ControlAnswer ask(ControlSocket& control, const std::string& command) {
        auto answer = std::async(std::launch::async,
                                 [this, command] { return ask_daemon(path, command, 10s); });
        while (answer.wait_for(0s) != std::future_status::ready) {
            turn(control);
        }
        return answer.get();
    }
    static void say(const UniqueFd& fd, std::string_view text) {
        ASSERT_EQ(send_some(fd.get(), std::as_bytes(std::span(text))).bytes, text.size());
    }

    TimePoint now{1h};
    std::filesystem::path directory;
    std::string path;
    Epoll epoll;
    int asked = 0;
    std::size_t padding = 0;
};

} // namespace

TEST_F(ControlTest, AQuestionGetsItsAnswer) {
    const auto control = make();
    control->open(path);
    const ControlAnswer good = ask(*control, "hello");
    EXPECT_TRUE(good.ok);
    EXPECT_EQ(good.text, "hello");
    EXPECT_FALSE(ask(*control, "bad").ok);
    padding = 1'000'000; // more than the socket's buffer
    EXPECT_EQ(ask(*control, "long").text.size(), 4 + padding);
}

TEST_F(ControlTest, TheSocketIsForItsOwnerAndGroupAndGoesWithTheDaemon) {
    {
        const auto control = make();
        control->open(path);
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0660U);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ControlTest, ASocketLeftBehindIsReplacedAndOneThatIsServedIsNot) {
    {
        const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        const Endpoint at = resolve_target("unix:" + path).front();
        ASSERT_EQ(::bind(dead.get(), at.address(), at.length()), 0);
    }
    const auto control = make();
    control->open(path);
    const auto second = make();
    EXPECT_THROW(second->open(path), std::system_error);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ControlTest, AnAskerThatSaysNothingOrReadsNothingIsEndedByItsDeadline) {
    padding = 1'000'000;
    const auto control = make();
    control->open(path);
    const UniqueFd silent = connect();
    const UniqueFd deaf = connect();
    say(deaf, "x\n");
    for (int i = 0; i < 10 && asked == 0; ++i) {
        turn(*control);
    }
    ASSERT_TRUE(control->next_deadline());
    now = *control->next_deadline();
    control->expire(now);
    EXPECT_EQ(control->next_deadline(), std::nullopt);
    std::byte byte{};
    EXPECT_EQ(receive(silent.get(), std::span(&byte, 1)).error, 0) << "end of file";
}

TEST_F(ControlTest, MoreAskersThanPlacesWaitAndAreServed) {
    const auto control = make();
    control->open(path);
    std::vector<UniqueFd> idle;
    for (int i = 0; i < 8; ++i) {
        idle.push_back(connect());
    }
    turn(*control);
    auto late = std::async(std::launch::async, [this] { return ask_daemon(path, "late", 10s); });
    turn(*control);
    EXPECT_EQ(asked, 0);
    idle.clear();
    while (late.wait_for(0s) != std::future_status::ready) {
        turn(*control);
    }
    EXPECT_EQ(late.get().text, "late");
}

TEST_F(ControlTest, AnEndlessCommandIsNotCollected) {
    const auto control = make();
    control->open(path);
    const UniqueFd fd = connect();
    say(fd, std::string(1000, 'x'));
    for (int i = 0; i < 3; ++i) {
        turn(*control);
    }
    EXPECT_EQ(control->next_deadline(), std::nullopt);
    EXPECT_EQ(asked, 0);
}

TEST_F(ControlTest, ADaemonThatHangsWithAFullBacklogIsNotWaitedForLongerThanAsked) {
    const Endpoint at = resolve_target("unix:" + path).front();
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(listener.get(), at.address(), at.length()), 0);
    ASSERT_EQ(::listen(listener.get(), 0), 0);
    std::vector<UniqueFd> waiting;
    for (bool full = false; !full;) {
        waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        full = ::connect(waiting.back().get(), at.address(), at.length()) != 0;
    }
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_THROW((void)ask_daemon(path, "status", 50ms), std::runtime_error);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 50ms);
}

TEST_F(ControlTest, NobodyAtThePathIsNamed) {
    try {
        (void)ask_daemon(path, "status", 1s);
        ADD_FAILURE();
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
    }
}
