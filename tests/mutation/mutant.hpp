// SPDX-License-Identifier: MIT
// What the rewritten sources call. Every decision of a file carries the number of its mutant, and
// the environment variable ECHOD_MUTANT names the one that is changed, so that one build serves all
// mutants. The numbers that were reached are noted in the file that ECHOD_MUTANTS_REACHED names.
#pragma once

#if __cplusplus >= 202002L // not while meson tries the compiler

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <type_traits>

namespace mutation {

/// The mutant that is active; 0 if none is.
inline const int active = [] {
    const char* const number = std::getenv("ECHOD_MUTANT");
    return number != nullptr ? std::atoi(number) : 0;
}();

/// One byte for each mutant, shared with child processes, or nullptr.
inline unsigned char* const reached = []() -> unsigned char* {
    const char* const path = std::getenv("ECHOD_MUTANTS_REACHED");
    const int fd = path != nullptr ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return nullptr;
    }
    struct stat status {};
    const bool known = ::fstat(fd, &status) == 0;
    void* const map = known ? ::mmap(nullptr, static_cast<unsigned long>(status.st_size),
                                     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                            : MAP_FAILED;
    ::close(fd);
    return map != MAP_FAILED ? static_cast<unsigned char*>(map) : nullptr;
}();

inline bool reach(int id) noexcept {
    if (reached != nullptr) {
        reached[id] = 1;
    }
    return id == active;
}

/// True if the mutant is active. A constant expression is never changed.
constexpr bool hit(int id) noexcept {
    return !std::is_constant_evaluated() && reach(id);
}

template <typename A, typename B>
constexpr bool lt(int id, A&& a, B&& b) {
    return hit(id) ? a <= b : a < b;
}
template <typename A, typename B>
constexpr bool le(int id, A&& a, B&& b) {
    return hit(id) ? a < b : a <= b;
}
template <typename A, typename B>
constexpr bool gt(int id, A&& a, B&& b) {
    return hit(id) ? a >= b : a > b;
}
template <typename A, typename B>
constexpr bool ge(int id, A&& a, B&& b) {
    return hit(id) ? a > b : a >= b;
}
template <typename A, typename B>
constexpr auto plus(int id, A&& a, B&& b) {
    return hit(id) ? a - b : a + b;
}
/// Points in time and pointers have no sum: their difference is reversed.
template <typename A, typename B>
constexpr auto minus(int id, A&& a, B&& b) {
    if constexpr (requires { a + b; }) {
        return hit(id) ? a + b : a - b;
    } else {
        return hit(id) ? b - a : a - b;
    }
}
template <typename T>
constexpr T least(int id, const T& a, const T& b) {
    return (b < a) != hit(id) ? b : a;
}
template <typename T>
constexpr T most(int id, const T& a, const T& b) {
    return (a < b) != hit(id) ? b : a;
}

/// A number or a duration, or the next greater one.
template <typename T>
constexpr T next(int id, T value) {
    if (!hit(id)) {
        return value;
    }
    if constexpr (requires { value.count(); }) {
        return T(value.count() + 1);
    } else {
        return static_cast<T>(value + 1);
    }
}

/// An enumerator, or its neighbour.
template <typename T>
constexpr T swap(int id, T value) {
    const auto number = static_cast<std::underlying_type_t<T>>(value);
    return hit(id) ? static_cast<T>(number == 0 ? 1 : number - 1) : value;
}

} // namespace mutation

#endif
