// SPDX-License-Identifier: MIT
// An echo server with libuv. Reads use one buffer of the loop, and an echo is sent at once with
// uv_try_write(), as documented. Only data that the kernel does not accept is copied into a write
// request, and reading stops until that is done.
#include "peer.hpp"

#include <uv.h>

#include <cstdlib>
#include <vector>

namespace {

struct Write {
    uv_write_t request{};
    std::vector<char> bytes;
};

void check(int result, const char* what) {
    if (result < 0) {
        std::fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
        std::exit(1);
    }
}

void close(uv_stream_t* stream) {
    auto* const handle = reinterpret_cast<uv_handle_t*>(stream);
    if (uv_is_closing(handle) == 0) {
        uv_close(handle, [](uv_handle_t* closed) { delete reinterpret_cast<uv_tcp_t*>(closed); });
    }
}

void lend_buffer(uv_handle_t* /*handle*/, std::size_t /*suggested*/, uv_buf_t* lent) {
    static char buffer[peer::kReadSize]; // one thread; unused after on_read()
    *lent = uv_buf_init(buffer, sizeof buffer);
}

void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* read);

void on_written(uv_write_t* request, int status) {
    uv_stream_t* const stream = request->handle;
    delete static_cast<Write*>(request->data);
    if (status < 0 || uv_read_start(stream, lend_buffer, on_read) < 0) {
        close(stream);
    }
}

void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* read) {
    if (got == 0) {
        return; // EAGAIN
    }
    if (got < 0) {
        close(stream);
        return;
    }
    uv_buf_t rest = uv_buf_init(read->base, static_cast<unsigned>(got));
    const int sent = uv_try_write(stream, &rest, 1);
    if (sent == static_cast<int>(got)) {
        return;
    }
    if (sent < 0 && sent != UV_EAGAIN) {
        close(stream);
        return;
    }
    auto* const write = new Write;
    write->bytes.assign(read->base + (sent < 0 ? 0 : sent), read->base + got);
    write->request.data = write;
    rest = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
    check(uv_read_stop(stream), "uv_read_stop");
    check(uv_write(&write->request, stream, &rest, 1, on_written), "uv_write");
}

void on_connection(uv_stream_t* listener, int status) {
    check(status, "accept");
    auto* const client = new uv_tcp_t;
    check(uv_tcp_init(listener->loop, client), "uv_tcp_init");
    auto* const stream = reinterpret_cast<uv_stream_t*>(client);
    if (uv_accept(listener, stream) < 0 || uv_read_start(stream, lend_buffer, on_read) < 0) {
        close(stream);
    }
}

} // namespace

int main() {
    peer::raise_descriptor_limit();
    uv_loop_t* const loop = uv_default_loop();
    uv_tcp_t listener;
    check(uv_tcp_init(loop, &listener), "uv_tcp_init");
    check(uv_tcp_open(&listener, peer::listen_anywhere()), "uv_tcp_open");
    check(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, on_connection), "uv_listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
