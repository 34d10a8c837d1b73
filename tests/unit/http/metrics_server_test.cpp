// SPDX-License-Identifier: MIT
#include "base/unique_fd.hpp"
#include "http/metrics_server.hpp"
#include "net/address.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>

using namespace echod;
using namespace std::chrono_literals;

namespace {

MetricsServer::Setup one_thread() {
    return {{"127.0.0.1", 0}, "about", 1};
}

std::uint16_t port_of(const MetricsServer& server) {
    const std::string url = server.url();
    return static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
}

UniqueFd connected(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
}

void send_text(const UniqueFd& fd, std::string_view text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
}

// Then it accepts: until then its backlog is short.
void wait_for_answer(std::uint16_t port) {
    const UniqueFd client = connected(port);
    send_text(client, "GET / HTTP/1.0\r\n\r\n");
    char part = 0;
    EXPECT_EQ(::recv(client.get(), &part, 1, 0), 1);
}

// The listening socket of this process at that port: as a fault of the kernel, it ends accept(2).
void end_listening(std::uint16_t port) {
    constexpr int kMostDescriptors = 1024;
    for (int fd = 0; fd < kMostDescriptors; ++fd) {
        int listens = 0;
        socklen_t size = sizeof listens;
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1 &&
            local_endpoint(fd).port() == port) {
            ::shutdown(fd, SHUT_RDWR);
        }
    }
}

} // namespace

TEST(MetricsServer, ClientsThatSendAByteNowAndThenDoNotDelayItsEnd) {
    MetricsServer server(one_thread(), [] { return std::string(); });
    auto serving = std::async(std::launch::async, [&server] { return server.serve(); });
    wait_for_answer(port_of(server));
    const UniqueFd slow = connected(port_of(server)); // the thread would read it for minutes
    send_text(slow, "GET / HTTP/1.1\r\nX: ");
    server.stop();
    constexpr int kMost = 300; // times 100 ms
    int sent = 0;
    while (serving.wait_for(100ms) != std::future_status::ready && ++sent < kMost) {
        (void)::send(slow.get(), "x", 1, MSG_NOSIGNAL);
    }
    EXPECT_LT(sent, kMost);
    ::shutdown(slow.get(), SHUT_RDWR);
    EXPECT_TRUE(serving.get());
}

TEST(MetricsServer, AnEndByItselfIsNoStop) {
    MetricsServer server(one_thread(), [] { return std::string(); });
    auto serving = std::async(std::launch::async, [&server] { return server.serve(); });
    end_listening(port_of(server));
    EXPECT_FALSE(serving.get());
    server.stop(); // it returns
}

TEST(MetricsServer, ItNeedsNotServe) {
    const MetricsServer server(one_thread(), [] { return std::string(); });
    EXPECT_TRUE(server.url().starts_with("http://127.0.0.1:"));
}
