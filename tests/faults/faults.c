// SPDX-License-Identifier: MIT
// Makes system calls and allocations fail, at the n-th call after a test has enabled it. Preloaded
// into the daemon (ld.so(8), LD_PRELOAD). The test controls it through a file that both map, named
// by FAULTS_FILE: see plan.py, which has the same layout.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum call {
    ACCEPT,
    RECV,
    SEND,
    EPOLL_CTL,
    EPOLL_WAIT,
    MALLOC,
    WRITE,
    READ,
    SENDMSG,
    SOCKETPAIR,
    MEMFD_CREATE,
    EPOLL_ADD, // epoll_ctl(2) with EPOLL_CTL_ADD
    CALLS
};

struct plan {
    int32_t skip;   // unaffected calls before the first fault
    int32_t count;  // number of faults; 0: nothing is planned
    int32_t action; // an errno, or ONE_BYTE
    int32_t hits;   // faults so far
    int64_t calls;  // all calls so far
};

static const int32_t ONE_BYTE = -1; // the call transfers one byte only

static struct plan* plans;

// The events of each registered descriptor, to register it again: a kernel that returned EAGAIN or
// accepted only a part gives an edge when it is ready again, so an injected fault must, too.
enum { DESCRIPTORS = 65536 };
static struct {
    int epoll;
    struct epoll_event event;
} registered[DESCRIPTORS];

__attribute__((constructor)) static void map_plans(void) {
    const char* path = getenv("FAULTS_FILE");
    const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    void* at = mmap(NULL, CALLS * sizeof *plans, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) {
        plans = at;
    }
    close(fd);
}

// The plan for this call: 0, an errno, or ONE_BYTE.
static int32_t next_action(enum call call) {
    if (plans == NULL) {
        return 0;
    }
    struct plan* plan = &plans[call];
    ++plan->calls;
    if (plan->count == 0) {
        return 0;
    }
    if (plan->skip > 0) {
        --plan->skip;
        return 0;
    }
    --plan->count;
    ++plan->hits;
    return plan->action;
}

#define REAL(name) (__extension__(__typeof__(&name)) real(&name##_address, #name))

static void* real(void** address, const char* name) {
    if (*address == NULL) {
        *address = dlsym(RTLD_NEXT, name);
    }
    return *address;
}

static void *accept4_address, *recv_address, *send_address, *epoll_ctl_address, *write_address,
    *epoll_wait_address, *epoll_pwait2_address, *read_address, *sendmsg_address,
    *socketpair_address, *memfd_create_address;

static void give_edge(int fd) {
    if (fd >= 0 && fd < DESCRIPTORS && registered[fd].epoll > 0) {
        const int error = errno;
        REAL(epoll_ctl)(registered[fd].epoll, EPOLL_CTL_MOD, fd, &registered[fd].event);
        errno = error;
    }
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t* length, int flags) {
    const int32_t action = next_action(ACCEPT);
    if (action > 0) {
        errno = action;
        if (action == EAGAIN) {
            give_edge(fd);
        }
        return -1;
    }
    return REAL(accept4)(fd, address, length, flags);
}

ssize_t recv(int fd, void* data, size_t size, int flags) {
    const int32_t action = next_action(RECV);
    if (action > 0) {
        errno = action;
        give_edge(fd);
        return -1;
    }
    if (action != ONE_BYTE || size <= 1) {
        return REAL(recv)(fd, data, size, flags);
    }
    const ssize_t n = REAL(recv)(fd, data, 1, flags);
    give_edge(fd);
    return n;
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
    const int32_t action = next_action(SEND);
    if (action > 0) {
        errno = action;
        give_edge(fd);
        return -1;
    }
    if (action != ONE_BYTE || size <= 1) {
        return REAL(send)(fd, data, size, flags);
    }
    const ssize_t n = REAL(send)(fd, data, 1, flags);
    give_edge(fd);
    return n;
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
    const int32_t action = next_action(SENDMSG);
    if (action > 0) {
        errno = action;
        return -1;
    }
    return REAL(sendmsg)(fd, message, flags);
}

int socketpair(int family, int type, int protocol, int fds[2]) {
    const int32_t action = next_action(SOCKETPAIR);
    if (action > 0) {
        errno = action;
        return -1;
    }
    return REAL(socketpair)(family, type, protocol, fds);
}

int memfd_create(const char* name, unsigned flags) {
    const int32_t action = next_action(MEMFD_CREATE);
    if (action > 0) {
        errno = action;
        return -1;
    }
    return REAL(memfd_create)(name, flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event* event) {
    int32_t action = next_action(EPOLL_CTL);
    if (action == 0 && operation == EPOLL_CTL_ADD) {
        action = next_action(EPOLL_ADD);
    }
    if (action > 0) {
        errno = action;
        return -1;
    }
    const int result = REAL(epoll_ctl)(epoll, operation, fd, event);
    if (result == 0 && event != NULL && fd >= 0 && fd < DESCRIPTORS) {
        registered[fd].epoll = epoll;
        registered[fd].event = *event;
    }
    return result;
}

int epoll_wait(int epoll, struct epoll_event* events, int most, int timeout) {
    const int32_t action = next_action(EPOLL_WAIT);
    if (action > 0) {
        errno = action;
        return -1;
    }
    return REAL(epoll_wait)(epoll, events, most, timeout);
}

int epoll_pwait2(int epoll, struct epoll_event* events, int most, const struct timespec* timeout,
                 const sigset_t* signals) {
    const int32_t action = next_action(EPOLL_WAIT);
    if (action > 0) {
        errno = action;
        return -1;
    }
    return REAL(epoll_pwait2)(epoll, events, most, timeout, signals);
}

ssize_t write(int fd, const void* data, size_t size) {
    const int32_t action = next_action(WRITE);
    if (action > 0) {
        errno = action;
        return -1;
    }
    return REAL(write)(fd, data, size);
}

ssize_t read(int fd, void* data, size_t size) {
    const int32_t action = next_action(READ);
    if (action > 0) {
        errno = action;
        return -1;
    }
    return REAL(read)(fd, data, size);
}

// The allocator's internal names, because dlsym(3) itself allocates.
extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);

static int out_of_memory(void) {
    if (next_action(MALLOC) == 0) {
        return 0;
    }
    errno = ENOMEM;
    return 1;
}

void* malloc(size_t size) {
    return out_of_memory() ? NULL : __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
    return out_of_memory() ? NULL : __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) {
    return out_of_memory() ? NULL : __libc_realloc(memory, size);
}
