// SPDX-License-Identifier: MIT
#include "log_capture.hpp"
#include "net/address.hpp"
#include "server/loop/commands.hpp"
#include "server/loop/settings.hpp"

#include <cerrno>
#include <memory>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// The parts of a daemon that listens nowhere.
class SettingsTest : public testing::Test {
protected:
    SettingsTest() {
        running.limits.max_connections = 10;
        running.listen = wanted.listen = at("127.0.0.1", 0);
    }
    static Config::Listen at(const std::string& address, std::uint16_t port) {
        Config::Listen listen;
        listen.addresses = {address};
        listen.port = port;
        return listen;
    }
    Settings make() {
        return {running,
                [this] {
                    if (refused) {
                        throw ConfigError({"first error", "second error"});
                    }
                    return wanted;
                },
                parts, now};
    }

    const TimePoint now{1h};
    Config running;
    Config wanted;
    bool refused = false;
    Epoll epoll;
    Counters counters;
    ServiceManager service;
    Log log{LogTarget::stderr_stream, LogLevel::error};
    std::unique_ptr<Clients> clients = std::make_unique<Clients>(epoll, counters);
    Acceptor acceptor{{}, epoll, *clients, counters, 1};
    Reporter reporter{log, service, counters, now};
    BusyPoll busy_poll;
    Notices notices;
    ConfiguredParts parts{*clients, acceptor, reporter, busy_poll, service, log, notices};
};

} // namespace

TEST_F(SettingsTest, AreAppliedAtTheStart) {
    const Settings settings = make();
    EXPECT_EQ(acceptor.most(), 10U);
    EXPECT_EQ(settings.config(), running);
}

TEST_F(SettingsTest, AreReplacedByAReload) {
    Settings settings = make();
    wanted.limits.max_connections = 20;
    const ControlAnswer answer = settings.reload(now);
    EXPECT_TRUE(answer.ok);
    EXPECT_EQ(answer.text, "");
    EXPECT_EQ(acceptor.most(), 20U);
}

TEST_F(SettingsTest, OpenTheNewListenersOfAReload) {
    Settings settings = make();
    wanted.listen.addresses = {"127.0.0.2"};
    wanted.listen.port = 0;
    EXPECT_TRUE(settings.reload(now).ok);
    EXPECT_EQ(listening_on(acceptor.listeners()).rfind("listening on 127.0.0.2:", 0), 0U);
    ASSERT_EQ(acceptor.listeners().size(), 1U);
    EXPECT_EQ(settings.config().listen, wanted.listen);
}

TEST_F(SettingsTest, StayInForceWhereAnAddressCannotBeOpened) {
    Settings settings = make();
    wanted.limits.max_connections = 20;
    const Listener taken = std::move(open_listeners(at("127.0.0.2", 0), {}).listeners.front());
    wanted.listen = at("127.0.0.2", local_endpoint(taken.fd.get()).port());
    const ControlAnswer answer = settings.reload(now);
    EXPECT_FALSE(answer.ok);
    EXPECT_NE(answer.text.find("cannot listen on 127.0.0.2:"), std::string::npos) << answer.text;
    EXPECT_EQ(settings.config(), running);
    EXPECT_TRUE(acceptor.listeners().empty());
}

TEST_F(SettingsTest, StayInForceWhereTheNewOnesAreRefused) {
    Settings settings = make();
    refused = true;
    const ControlAnswer answer = settings.reload(now);
    EXPECT_FALSE(answer.ok);
    EXPECT_EQ(answer.text, "first error\nsecond error\n");
    EXPECT_EQ(settings.config(), running);
}

TEST_F(SettingsTest, AreMarkedAsRefusedUntilTheFileIsFixed) {
    Settings settings = make();
    Commands commands(settings, parts, counters);
    const auto first_line = [&] {
        const std::string text = commands.answer("status", true, now).text;
        return text.substr(0, text.find('\n'));
    };
    EXPECT_EQ(first_line().rfind("echod ", 0), 0U);
    refused = true;
    EXPECT_FALSE(settings.reload(now).ok);
    EXPECT_EQ(first_line(), "configuration refused, the last good one is in force: first error "
                            "(and 1 more)");
    refused = false;
    EXPECT_TRUE(settings.reload(now).ok);
    EXPECT_EQ(first_line().rfind("echod ", 0), 0U);
    settings.note_start({"an error"}, {}, now);
    EXPECT_EQ(first_line(), "configuration refused, the last good one is in force: an error");
}

TEST_F(SettingsTest, ShowAMissingAddressUntilItIsServed) {
    Settings settings = make();
    wanted.listen.addresses = {"192.0.2.1", "127.0.0.1"};
    const ControlAnswer answer = settings.reload(now);
    EXPECT_TRUE(answer.ok);
    EXPECT_EQ(answer.text, "not listening on 192.0.2.1:0: EADDRNOTAVAIL (Cannot assign requested "
                           "address); tried again every second\n");
    EXPECT_EQ(notices.missing + "\n", answer.text);
    ASSERT_EQ(settings.retry_at(), now + 1s);
    settings.retry_addresses(now + 1s);
    EXPECT_EQ(settings.retry_at(), now + 2s);
    wanted.listen.addresses = {"127.0.0.1"};
    EXPECT_EQ(settings.reload(now).text, "");
    EXPECT_EQ(notices.missing, "");
    EXPECT_EQ(settings.retry_at(), kNever);
}

TEST_F(SettingsTest, AddAMissingAddressOnceItExists) {
    Settings settings = make();
    settings.note_start({}, {{"127.0.0.2", "127.0.0.2:0", EADDRNOTAVAIL}}, now);
    EXPECT_NE(notices.missing, "");
    settings.retry_addresses(now + 1s);
    ASSERT_EQ(acceptor.listeners().size(), 1U);
    EXPECT_EQ(acceptor.listeners().front().name.rfind("127.0.0.2:", 0), 0U);
    EXPECT_EQ(notices.missing, "");
    EXPECT_EQ(settings.retry_at(), kNever);
}

TEST_F(SettingsTest, AreNotReloadedWhileTheServerStops) {
    Settings settings = make();
    Commands commands(settings, parts, counters);
    wanted.limits.max_connections = 20;
    const ControlAnswer answer = commands.answer("reload", false, now);
    EXPECT_FALSE(answer.ok);
    EXPECT_EQ(answer.text, "reload refused: the server is stopping\n");
    EXPECT_EQ(acceptor.most(), 10U);
}

TEST_F(SettingsTest, AreReloadedByTheCommand) {
    Settings settings = make();
    Commands commands(settings, parts, counters);
    wanted.limits.max_connections = 20;
    EXPECT_TRUE(commands.answer("reload", true, now).ok);
    EXPECT_EQ(acceptor.most(), 20U);
}

TEST_F(SettingsTest, AreNotNeededForAnUnknownCommand) {
    Settings settings = make();
    Commands commands(settings, parts, counters);
    EXPECT_FALSE(commands.answer("stats xml", true, now).ok);
    EXPECT_TRUE(commands.answer("status", true, now).ok);
    EXPECT_NE(commands.answer("stats json", false, now).text.find("\"draining\""),
              std::string::npos);
}
