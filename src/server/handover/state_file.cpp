// SPDX-License-Identifier: MIT
#include "server/handover/state_file.hpp"

#include "base/sys_error.hpp"
#include "server/handover/state_codec.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>

#ifndef MFD_NOEXEC_SEAL // memfd_create(2): since Linux 6.3
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace echod {

namespace {

UniqueFd memory_file() {
    constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    UniqueFd fd(::memfd_create("echod-state", kFlags | MFD_NOEXEC_SEAL));
    if (!fd && errno == EINVAL) {
        fd.reset(::memfd_create("echod-state", kFlags)); // a kernel without the flag
    }
    if (!fd) {
        throw_errno(errno, "memfd_create");
    }
    return fd;
}

} // namespace

UniqueFd make_state_file(std::string_view config, std::span<const ParkedConnection> connections) {
    UniqueFd fd = memory_file();
    write_state(fd.get(), config, connections);
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
        0) {
        throw_errno(errno, "F_ADD_SEALS");
    }
    return fd;
}

StateFile::StateFile(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        throw std::runtime_error("the descriptor is not a file");
    }
    // A file that shrinks while it is mapped causes SIGBUS.
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        throw std::runtime_error("the file is not sealed");
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) {
        throw std::runtime_error("the file is empty");
    }
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) { // NOLINT: a macro of the system's
        throw std::runtime_error(describe_errno(errno));
    }
    bytes_ = {static_cast<const std::byte*>(at), size};
}

StateFile::~StateFile() {
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); // NOLINT: munmap's interface
}

} // namespace echod
