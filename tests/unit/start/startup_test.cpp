// SPDX-License-Identifier: MIT
#include "../loop/log_capture.hpp"
#include "../temporary_directory.hpp"
#include "net/fd_passing.hpp"
#include "server/config/writer.hpp"
#include "server/handover/state_file.hpp"
#include "server/start/startup.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace echod;

namespace {

class StartupTest : public testing::Test {
protected:
    std::string write(const std::string& text) {
        const std::filesystem::path path = directory / "echod.toml";
        std::ofstream(path) << text;
        return path;
    }
    // What an old process with `config` leaves.
    static HandoverFds handover(const Config& config) {
        auto [near, far] = datagram_pair();
        return {std::move(far), make_state_file(format_config(config), {})};
    }
    static Listener listener(const std::string& address, bool passed) {
        Config::Listen listen;
        listen.addresses = {address};
        listen.port = 0;
        std::vector<Listener> opened = open_listeners(listen, {}).listeners;
        opened.front().passed = passed;
        return std::move(opened.front());
    }
    // The listeners that are taken, and what is logged.
    static std::pair<std::vector<Listener>, std::string> take(Preparation& preparation) {
        std::vector<Listener> taken;
        std::string text = logged([&](Log& log) { taken = take_listeners(preparation, log); });
        return {std::move(taken), std::move(text)};
    }

    const TemporaryDirectory own_directory;
    const std::filesystem::path& directory = own_directory.path();
};

} // namespace

TEST_F(StartupTest, ReadsTheNamedConfiguration) {
    const Preparation preparation = prepare({}, write("limits.max_connections = 7\n"));
    EXPECT_EQ(preparation.config.limits.max_connections, 7U);
    EXPECT_TRUE(preparation.refused.empty());
}

TEST_F(StartupTest, FailsWhereTheConfigurationIsRefused) {
    EXPECT_THROW((void)prepare({}, write("nonsense\n")), ConfigError);
    EXPECT_THROW((void)prepare({}, directory / "missing.toml"), ConfigError);
}

TEST_F(StartupTest, UsesTheOldConfigurationAtARestartWhereTheNewOneIsRefused) {
    Config old;
    old.limits.max_connections = 42;
    PassedDescriptors passed;
    passed.handover_fds = handover(old);
    const Preparation preparation = prepare(std::move(passed), write("nonsense\n"));
    EXPECT_EQ(preparation.config, old);
    EXPECT_FALSE(preparation.refused.empty());
    const std::string text = logged([&](Log& log) { log_start(preparation, log); });
    EXPECT_NE(text.find("the one of the old process stays in force"), std::string::npos) << text;
}

TEST_F(StartupTest, FailsWhereNeitherConfigurationCanBeUsed) {
    PassedDescriptors passed;
    passed.handover_fds = handover({});
    passed.handover_fds.state.reset();
    EXPECT_THROW((void)prepare(std::move(passed), write("nonsense\n")), ConfigError);
}

TEST_F(StartupTest, PrefersPassedSocketsToConfiguredAddresses) {
    Preparation preparation;
    preparation.passed.listeners.push_back(listener("127.0.0.1", true));
    preparation.passed.own_listeners.push_back(listener("127.0.0.1", false));
    const std::string own = preparation.passed.own_listeners.front().name;
    const auto [taken, text] = take(preparation);
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_TRUE(taken.front().passed);
    EXPECT_TRUE(preparation.passed.own_listeners.empty());
    EXPECT_NE(text.find(own + " was opened by the old process and is closed"), std::string::npos);
}

TEST_F(StartupTest, ServesTheStoredPassedSocketsWhereNoneArePassed) {
    Preparation preparation;
    preparation.passed.stored_listeners.push_back(listener("127.0.0.1", true));
    const std::string name = preparation.passed.stored_listeners.front().name;
    const auto [taken, text] = take(preparation);
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken.front().name, name);
    EXPECT_NE(text.find("systemctl restart echod.socket"), std::string::npos) << text;
}

TEST_F(StartupTest, PrefersPassedSocketsToStoredOnes) {
    Preparation preparation;
    preparation.passed.listeners.push_back(listener("127.0.0.1", true));
    preparation.passed.stored_listeners.push_back(listener("127.0.0.1", true));
    const std::string name = preparation.passed.listeners.front().name;
    const std::vector<Listener> taken = take(preparation).first;
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken.front().name, name);
    EXPECT_EQ(preparation.passed.stored_listeners.size(), 1) << "what waits there is accepted";
}

TEST_F(StartupTest, ServesTheOtherAddressesWhereOneIsMissing) {
    Preparation preparation;
    preparation.config.listen.addresses = {"192.0.2.1", "127.0.0.1"};
    preparation.config.listen.port = 0;
    const std::vector<Listener> taken = take(preparation).first;
    EXPECT_EQ(taken.size(), 1U);
    ASSERT_EQ(preparation.missing.size(), 1U);
    EXPECT_EQ(preparation.missing.front().name, "192.0.2.1:0");
}

TEST_F(StartupTest, FailsWhereAnAddressCannotBeOpened) {
    Preparation preparation;
    preparation.config.listen.addresses = {"192.0.2.1"}; // RFC 5737: no host has it
    preparation.config.listen.missing = OnMissing::error;
    (void)logged(
        [&](Log& log) { EXPECT_THROW((void)take_listeners(preparation, log), ListenError); });
}

TEST_F(StartupTest, UsesTheOldListenersAtARestartWhereAnAddressCannotBeOpened) {
    Config old;
    old.listen.addresses = {"127.0.0.1"};
    old.listen.addresses = {"127.0.0.1", "192.0.2.77"}; // the second is missing
    old.listen.port = 0;
    Preparation preparation;
    preparation.config.listen.addresses = {"192.0.2.1"};
    preparation.config.listen.missing = OnMissing::error;
    preparation.config.limits.max_connections = 7;
    preparation.passed.handover_fds = handover(old);
    preparation.passed.own_listeners.push_back(listener("127.0.0.1", false));
    const std::string name = preparation.passed.own_listeners.front().name;
    const auto [taken, text] = take(preparation);
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken.front().name, name);
    ASSERT_EQ(preparation.missing.size(), 1U) << "it is tried again";
    EXPECT_EQ(preparation.missing.front().address, "192.0.2.77");
    EXPECT_EQ(preparation.config.listen, old.listen);
    EXPECT_EQ(preparation.config.limits.max_connections, 7U) << "the rest is the new one's";
    EXPECT_NE(text.find("stay those of the old process"), std::string::npos) << text;
    ASSERT_EQ(preparation.refused.size(), 1U) << "the status shows it";
    EXPECT_NE(preparation.refused.front().find("cannot listen on 192.0.2.1:"), std::string::npos);
}

TEST_F(StartupTest, NeedsANamedControlSocketUnlessConnectionsWouldBeLost) {
    const std::string missing = directory / "missing" / "control.sock";
    std::vector<Listener> listeners;
    listeners.push_back(listener("127.0.0.1", false));
    const std::string text = logged([&](Log& log) {
        const auto server = std::make_unique<Server>(
            Config{}, [] { return Config{}; }, std::move(listeners), log);
        EXPECT_THROW(open_control(*server, missing, false, log), std::runtime_error);
        EXPECT_NO_THROW(open_control(*server, missing, true, log));
        EXPECT_NO_THROW(open_control(*server, directory / "control.sock", false, log));
    });
    EXPECT_NE(text.find("error   no control socket: "), std::string::npos) << text;
    EXPECT_TRUE(std::filesystem::exists(directory) &&
                !std::filesystem::exists(directory / "control.sock"))
        << "the socket is unlinked at the end";
}
