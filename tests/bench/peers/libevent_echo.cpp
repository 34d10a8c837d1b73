// SPDX-License-Identifier: MIT
// An echo server with libevent's bufferevents: data moves from the input to the output buffer
// without a copy. One read takes at most 4 KiB, because evbuffer_read() of 2.1 has no setting for
// it, so a burst needs several reads. The base uses no locks and batches its epoll_ctl(2) calls, as
// its documentation allows if no descriptor is duplicated.
#include "peer.hpp"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <cstdlib>

namespace {

std::size_t unsent(bufferevent* client) {
    return evbuffer_get_length(bufferevent_get_output(client));
}

void on_read(bufferevent* client, void* /*context*/) {
    bufferevent_write_buffer(client, bufferevent_get_input(client));
    if (unsent(client) > peer::kReadSize) {
        bufferevent_disable(client, EV_READ); // the client does not read; on_written() resumes
    }
}

void on_written(bufferevent* client, void* /*context*/) {
    if ((bufferevent_get_enabled(client) & EV_READ) == 0) {
        bufferevent_enable(client, EV_READ);
    }
}

void free_when_written(bufferevent* client, void* /*context*/) {
    bufferevent_free(client);
}

void on_event(bufferevent* client, short what, void* /*context*/) {
    if ((what & BEV_EVENT_EOF) != 0 && unsent(client) != 0) {
        bufferevent_setcb(client, nullptr, free_when_written, on_event, nullptr);
    } else if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        bufferevent_free(client);
    }
}

void on_accept(evconnlistener* listener, evutil_socket_t fd, sockaddr* /*address*/, int /*length*/,
               void* /*context*/) {
    bufferevent* const client =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(client, on_read, on_written, on_event, nullptr);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}

} // namespace

int main() {
    peer::raise_descriptor_limit();
    event_config* const config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_base* const base = event_base_new_with_config(config);
    if (base == nullptr || evconnlistener_new(base, on_accept, nullptr, LEV_OPT_CLOSE_ON_EXEC, 0,
                                              peer::listen_anywhere()) == nullptr) {
        return EXIT_FAILURE;
    }
    return event_base_dispatch(base);
}
