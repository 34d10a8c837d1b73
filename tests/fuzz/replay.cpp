// SPDX-License-Identifier: MIT
// Runs a fuzz target without libFuzzer, for compilers that do not have it: each file of a corpus,
// then variants of it made from a fixed seed. Without coverage feedback; see tests/fuzz/run for
// that.
//
// TARGET [--variants N] FILE|DIRECTORY...
#include "bytes.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Input = std::vector<std::uint8_t>;

Input read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Changes, drops or doubles a few bytes, and sometimes inserts a piece of another input.
Input variant_of(const Input& one, const Input& other, std::mt19937& random) {
    Input input = one;
    const auto place = [&random](std::size_t size) {
        return static_cast<std::ptrdiff_t>(size == 0 ? 0 : random() % size);
    };
    for (unsigned changes = 1 + random() % 8; changes != 0; --changes) {
        const auto at = input.begin() + place(input.size() + 1);
        const auto few = std::min(1 + place(16), input.end() - at);
        switch (random() % 4) {
        case 0:
            if (at != input.end()) {
                *at = static_cast<std::uint8_t>(random());
            }
            break;
        case 1:
            input.erase(at, at + few);
            break;
        case 2: {
            const Input piece(at, at + few);
            input.insert(input.begin() + place(input.size() + 1), piece.begin(), piece.end());
            break;
        }
        default: {
            const auto from = other.begin() + place(other.size());
            const auto to = from + std::min(1 + place(64), other.end() - from);
            input.insert(at, from, to);
            break;
        }
        }
    }
    constexpr std::size_t kLongest = 8192;
    input.resize(std::min(input.size(), kLongest));
    return input;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<Input> corpus;
    unsigned long variants = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::string_view(argv[i]) == "--variants" && i + 1 < argc) {
            variants = std::strtoul(argv[++i], nullptr, 10);
        } else if (std::filesystem::is_directory(argv[i])) {
            for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
                corpus.push_back(read_file(entry.path()));
            }
        } else {
            corpus.push_back(read_file(argv[i]));
        }
    }
    if (corpus.empty()) {
        std::fprintf(stderr, "no input\n");
        return 2;
    }
    std::sort(corpus.begin(), corpus.end());
    for (const Input& input : corpus) {
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::mt19937 random(1); // NOLINT(cert-msc51-cpp): the same variants every time
    for (unsigned long i = 0; i < variants; ++i) {
        const Input& one = corpus[random() % corpus.size()];
        const Input& other = corpus[random() % corpus.size()];
        const Input input = variant_of(one, other, random);
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%lu executions\n", corpus.size() + variants);
    return 0;
}
