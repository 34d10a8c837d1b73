// SPDX-License-Identifier: MIT
// Opens a number of connections, exchanges one message on each, which proves that the server has
// accepted it, and leaves them idle until end of file on standard input.
#include "client.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>

namespace {

constexpr std::size_t kBatch = 64; // connections that await their first echo at a time

void exchange_messages(const std::vector<echod::UniqueFd>& all, std::size_t from) {
    const std::vector<std::byte> message = bench::messages(1, 64);
    std::vector<std::byte> echo(message.size());
    for (std::size_t i = from; i < all.size(); ++i) {
        if (::send(all[i].get(), message.data(), message.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(message.size())) {
            echod::throw_errno(errno, "send");
        }
    }
    for (std::size_t i = from; i < all.size(); ++i) {
        const ssize_t got = ::recv(all[i].get(), echo.data(), echo.size(), MSG_WAITALL);
        if (got != static_cast<ssize_t>(echo.size()) || echo != message) {
            throw std::runtime_error(fmt::format("connection {} was not echoed", i));
        }
    }
}

std::size_t closed_by_server(const std::vector<echod::UniqueFd>& all) {
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& fd) {
        std::byte byte{};
        const ssize_t got = ::recv(fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got >= 0 || errno != EAGAIN;
    }));
}

} // namespace

int main(int argc, char** argv) try {
    if (argc != 3) {
        fmt::print(stderr, "usage: hold PORT CONNECTIONS\n");
        return 2;
    }
    bench::raise_descriptor_limit();
    const auto port = static_cast<std::uint16_t>(bench::number(argv[1]));
    const std::uint64_t wanted = bench::number(argv[2]);
    std::vector<echod::UniqueFd> all;
    all.reserve(wanted);
    while (all.size() < wanted) {
        const std::size_t from = all.size();
        while (all.size() < std::min<std::size_t>(from + kBatch, wanted)) {
            all.push_back(bench::connect_to(port, static_cast<std::uint32_t>(all.size()), 0));
        }
        exchange_messages(all, from);
    }
    fmt::print("up {}\n", all.size());
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    const std::size_t closed = closed_by_server(all);
    fmt::print("closed_by_server {}\n", closed);
    for (const echod::UniqueFd& fd : all) {
        echod::set_abort_on_close(fd.get()); // leaves no TIME-WAIT for the next run
    }
    return closed == 0 ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "hold: %s\n", error.what());
    return 1;
}
