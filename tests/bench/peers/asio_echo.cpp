// SPDX-License-Identifier: MIT
// An echo server with Boost.Asio, after async_tcp_echo_server of its documentation: a session owns
// a buffer and keeps itself alive through its handlers. Library and context are configured for a
// single thread, so that they use no locks.
#define BOOST_ASIO_DISABLE_THREADS // NOLINT: as documented
#include "peer.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

class Session : public std::enable_shared_from_this<Session> {
public:
    explicit Session(tcp::socket socket) : socket_(std::move(socket)) {}

    void read() {
        socket_.async_read_some(boost::asio::buffer(buffer_),
                                [self = shared_from_this()](error_code error, std::size_t got) {
                                    if (!error) {
                                        self->write(got);
                                    }
                                });
    }

private:
    void write(std::size_t size) {
        boost::asio::async_write(
            socket_, boost::asio::buffer(buffer_, size),
            [self = shared_from_this()](error_code error, std::size_t /*sent*/) {
                if (!error) {
                    self->read();
                }
            });
    }

    tcp::socket socket_;
    std::array<char, peer::kReadSize> buffer_; // NOLINT: unused pages cost nothing
};

void accept(tcp::acceptor& acceptor) {
    acceptor.async_accept([&acceptor](error_code error, tcp::socket socket) {
        if (!error) {
            std::make_shared<Session>(std::move(socket))->read();
        }
        accept(acceptor);
    });
}

} // namespace

int main() {
    peer::raise_descriptor_limit();
    boost::asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
    tcp::acceptor acceptor(context, tcp::v4(), peer::listen_anywhere());
    accept(acceptor);
    context.run();
    return 0;
}
