// SPDX-License-Identifier: MIT
// An echo server with io_uring(7) through liburing, as its documentation recommends for many
// connections on one thread: SINGLE_ISSUER and DEFER_TASKRUN, multishot accept into direct
// descriptors, multishot receive into a ring of provided buffers, a registered ring descriptor, and
// one system call per iteration that submits and waits. An echo is sent from the buffer it was
// received into, and a connection has one send in progress at a time, which keeps its bytes in
// order.
#include "peer.hpp"

#include <liburing.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr unsigned kBuffers = 1024; // a power of two, at most 32768
// Each holds a whole burst. The kernel cycles through all of them; start addresses that are a
// multiple of a page apart would share a few cache lines.
constexpr std::size_t kStride = peer::kReadSize + 5 * std::size_t{64};
constexpr int kGroup = 0;

enum class Op : std::uint32_t { accept, receive, send, close };

struct Piece {
    std::uint16_t buffer;
    std::uint32_t begin, end;
};

/// A FIFO that reuses its memory.
class Pieces {
public:
    [[nodiscard]] bool empty() const { return first_ == pieces_.size(); }
    [[nodiscard]] std::size_t size() const { return pieces_.size() - first_; }
    Piece& front() { return pieces_[first_]; }
    void push_back(const Piece& piece) { pieces_.push_back(piece); }
    void pop_front() {
        if (++first_ == pieces_.size()) {
            clear();
        } else if (first_ == kMost) {
            pieces_.erase(pieces_.begin(), pieces_.begin() + kMost);
            first_ = 0;
        }
    }
    void clear() {
        pieces_.clear();
        first_ = 0;
    }

private:
    static constexpr std::ptrdiff_t kMost = 64; ///< limit of popped elements
    std::vector<Piece> pieces_;
    std::size_t first_ = 0;
};

struct Client {
    Pieces unsent;          ///< the first one is being sent
    bool receiving = false; ///< the multishot receive is armed
    bool over = false;      ///< close when nothing is in progress
};

void check(int result, const char* what) {
    if (result < 0) {
        std::fprintf(stderr, "%s: %s\n", what, std::strerror(-result));
        std::exit(1);
    }
}

class Server {
public:
    explicit Server(unsigned descriptors) : clients_(descriptors) {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                       IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
        params.cq_entries = 32768;
        check(io_uring_queue_init_params(4096, &ring_, &params), "io_uring_queue_init");
        check(io_uring_register_ring_fd(&ring_), "register_ring_fd");
        check(io_uring_register_files_sparse(&ring_, descriptors), "register_files_sparse");
        register_buffers();
    }

    [[noreturn]] void run(int listener) {
        listener_ = listener;
        arm_accept();
        for (;;) {
            check(io_uring_submit_and_wait(&ring_, 1), "io_uring_submit_and_wait");
            unsigned head = 0;
            unsigned seen = 0;
            io_uring_cqe* cqe = nullptr;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                ++seen;
                handle(static_cast<Op>(cqe->user_data >> 32U),
                       static_cast<std::uint32_t>(cqe->user_data), cqe->res, cqe->flags);
            }
            io_uring_cq_advance(&ring_, seen);
            // Receives that found no buffer are retried, now that sends have returned some.
            for (const std::uint32_t slot : starved_) {
                arm_receive(slot);
            }
            starved_.clear();
        }
    }

private:
    char* at(std::uint16_t buffer) { return buffers_ + std::size_t{buffer} * kStride; }

    void register_buffers() {
        const auto map = [](std::size_t size) {
            void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
            check(memory == MAP_FAILED ? -errno : 0, "mmap");
            return memory;
        };
        io_uring_buf_reg registration{};
        provided_ = static_cast<io_uring_buf_ring*>(map(kBuffers * sizeof(io_uring_buf)));
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(provided_);
        registration.ring_entries = kBuffers;
        registration.bgid = kGroup;
        check(io_uring_register_buf_ring(&ring_, &registration, 0), "register_buf_ring");
        buffers_ = static_cast<char*>(map(kBuffers * kStride));
        for (unsigned buffer = 0; buffer < kBuffers; ++buffer) {
            give_back(static_cast<std::uint16_t>(buffer));
        }
    }

    void give_back(std::uint16_t buffer) {
        io_uring_buf_ring_add(provided_, at(buffer), peer::kReadSize, buffer,
                              io_uring_buf_ring_mask(kBuffers), 0);
        io_uring_buf_ring_advance(provided_, 1);
    }

    io_uring_sqe* prepare() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        while (sqe == nullptr) {
            check(io_uring_submit(&ring_), "io_uring_submit");
            sqe = io_uring_get_sqe(&ring_);
        }
        return sqe;
    }

    static void tag(io_uring_sqe* sqe, Op op, std::uint32_t slot) {
        io_uring_sqe_set_data64(sqe, std::uint64_t{static_cast<std::uint32_t>(op)} << 32U | slot);
    }

    void arm_accept() {
        io_uring_sqe* const sqe = prepare();
        io_uring_prep_multishot_accept_direct(sqe, listener_, nullptr, nullptr, 0);
        tag(sqe, Op::accept, 0);
    }

    void arm_receive(std::uint32_t slot) {
        io_uring_sqe* const sqe = prepare();
        io_uring_prep_recv_multishot(sqe, static_cast<int>(slot), nullptr, 0, 0);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
        sqe->buf_group = kGroup;
        tag(sqe, Op::receive, slot);
        clients_[slot].receiving = true;
    }

    void send_first(std::uint32_t slot) {
        const Piece& piece = clients_[slot].unsent.front();
        io_uring_sqe* const sqe = prepare();
        io_uring_prep_send(sqe, static_cast<int>(slot), at(piece.buffer) + piece.begin,
                           piece.end - piece.begin, MSG_NOSIGNAL | MSG_WAITALL);
        sqe->flags |= IOSQE_FIXED_FILE;
        tag(sqe, Op::send, slot);
    }

    void handle(Op op, std::uint32_t slot, int result, std::uint32_t flags) {
        const bool more = (flags & IORING_CQE_F_MORE) != 0;
        switch (op) {
        case Op::accept:
            if (result >= 0) {
                clients_[static_cast<std::uint32_t>(result)] = Client{};
                arm_receive(static_cast<std::uint32_t>(result));
            }
            if (!more) {
                arm_accept();
            }
            return;
        case Op::receive:
            on_received(slot, result, flags);
            return;
        case Op::send:
            on_sent(slot, result);
            return;
        case Op::close:
            return;
        }
    }

    void on_received(std::uint32_t slot, int result, std::uint32_t flags) {
        Client& client = clients_[slot];
        client.receiving = (flags & IORING_CQE_F_MORE) != 0;
        if (result > 0) {
            const auto buffer = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
            client.unsent.push_back({buffer, 0, static_cast<std::uint32_t>(result)});
            if (client.unsent.size() == 1) {
                send_first(slot);
            }
        } else if (result != -ENOBUFS) {
            client.over = true;
        }
        if (!client.receiving && !client.over) {
            starved_.push_back(slot);
        }
        close_if_over(slot);
    }

    void on_sent(std::uint32_t slot, int result) {
        Client& client = clients_[slot];
        Piece& piece = client.unsent.front();
        piece.begin += static_cast<std::uint32_t>(result > 0 ? result : 0);
        if (result < 0) {
            client.over = true;
            for (; !client.unsent.empty(); client.unsent.pop_front()) {
                give_back(client.unsent.front().buffer);
            }
        } else if (piece.begin == piece.end) {
            give_back(piece.buffer);
            client.unsent.pop_front();
        }
        if (!client.unsent.empty()) {
            send_first(slot);
        }
        close_if_over(slot);
    }

    // A receive that is still armed ends with its own error or end of file.
    void close_if_over(std::uint32_t slot) {
        const Client& client = clients_[slot];
        if (client.over && !client.receiving && client.unsent.empty()) {
            io_uring_sqe* const sqe = prepare();
            io_uring_prep_close_direct(sqe, slot);
            tag(sqe, Op::close, slot);
        }
    }

    io_uring ring_{};
    int listener_ = -1;
    std::vector<Client> clients_;
    std::vector<std::uint32_t> starved_;
    io_uring_buf_ring* provided_ = nullptr;
    char* buffers_ = nullptr;
};

} // namespace

int main() {
    Server server(peer::raise_descriptor_limit());
    server.run(peer::listen_anywhere());
}
