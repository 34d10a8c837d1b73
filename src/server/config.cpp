// SPDX-License-Identifier: MIT
#include "server/config.hpp"

#include "base/printable.hpp"
#include "base/sys_error.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"
#include "net/address.hpp"
#include "server/config_schema.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <optional>
#include <set>
#include <sstream>

namespace echod {

namespace {

constexpr off_t kLargestFile = 1024 * 1024;

std::string describe(const WholeNumber& rule) {
    return fmt::format("{} to {}", rule.least, rule.most);
}

std::string describe(const Time& rule) {
    return fmt::format("a duration from {} to {}, such as \"30s\"{}", format_duration(rule.least),
                       format_duration(rule.most),
                       rule.zero_is_never ? ", or \"0\" for never" : "");
}

std::string describe(const IpAddresses&) {
    return "a list of one or more IPv4 or IPv6 addresses in quotes";
}

template <std::size_t N>
std::string describe(const Words<N>& rule) {
    std::string text;
    for (std::size_t i = 0; i < N; ++i) {
        text += fmt::format("{}\"{}\"", i == 0 ? "" : (i + 1 == N ? " or " : ", "), rule.words[i]);
    }
    return text;
}

// What stands in the file, made fit for a line of error: printable, and not too long for it.
std::string fit(const std::string& raw) {
    constexpr std::size_t kMost = 60;
    std::string text = printable(raw);
    if (text.size() <= kMost) {
        return text;
    }
    std::size_t end = kMost;
    while (end != 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
        --end; // within a character of UTF-8
    }
    return text.substr(0, end) + "...";
}

// A value as it stands in the file.
std::string show(const toml::node& node) {
    std::ostringstream out;
    if (const auto* table = node.as_table()) {
        out << "a table of " << table->size();
    } else {
        node.visit([&out](const auto& typed) {
            out << toml::toml_formatter{typed, toml::format_flags::none};
        });
    }
    return fit(out.str());
}

// One overload a rule: true and the value set, or false and the value untouched.
template <std::unsigned_integral Number>
bool assign(const toml::node& node, Number& value, const WholeNumber& rule) {
    const auto number = node.value_exact<std::int64_t>();
    if (!number || *number < rule.least || *number > rule.most) {
        return false;
    }
    value = static_cast<Number>(*number);
    return true;
}

bool assign(const toml::node& node, Duration& value, const Time& rule) {
    std::optional<Duration> duration;
    if (const auto text = node.value_exact<std::string>()) {
        duration = parse_duration(*text);
    } else if (node.value_exact<std::int64_t>() == 0) {
        duration = Duration::zero(); // the one number that needs no unit
    }
    if (!duration || *duration > rule.most) {
        return false;
    }
    if (*duration < rule.least && !(rule.zero_is_never && *duration == Duration::zero())) {
        return false;
    }
    value = *duration;
    return true;
}

bool assign(const toml::node& node, std::vector<std::string>& value, const IpAddresses&) {
    const toml::array* list = node.as_array();
    if (list == nullptr || list->empty()) {
        return false;
    }
    std::vector<std::string> addresses;
    for (const toml::node& element : *list) {
        const auto text = element.value_exact<std::string>();
        if (!text || !is_ip(*text)) {
            return false;
        }
        addresses.push_back(*text);
    }
    value = std::move(addresses);
    return true;
}

template <class Enum, std::size_t N>
bool assign(const toml::node& node, Enum& value, const Words<N>& rule) {
    const auto word = node.value_exact<std::string>();
    const auto found =
        word ? std::find(rule.words.begin(), rule.words.end(), *word) : rule.words.end();
    if (found == rule.words.end()) {
        return false;
    }
    value = static_cast<Enum>(found - rule.words.begin());
    return true;
}

template <std::unsigned_integral Number>
std::string print(Number value, const WholeNumber&) {
    return fmt::format("{}", value);
}

std::string print(Duration value, const Time&) {
    return fmt::format("\"{}\"", format_duration(value));
}

std::string print(const std::vector<std::string>& value, const IpAddresses&) {
    return fmt::format("[\"{}\"]", fmt::join(value, "\", \""));
}

template <class Enum, std::size_t N>
std::string print(Enum value, const Words<N>& rule) {
    return fmt::format("\"{}\"", rule.words.at(static_cast<std::size_t>(value)));
}

// Levenshtein's distance: insertions, deletions and substitutions from one to the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t j = 0; j <= to.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t change = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
        }
    }
    return row.back();
}

// "; did you mean limits.quota_messages?" where one candidate is near, or nothing.
std::string suggestion(const std::string& unknown, const std::vector<std::string>& candidates) {
    const auto key_of = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
    const std::string* best = nullptr;
    std::size_t least = std::max<std::size_t>(2, key_of(unknown).size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        // The right key in the wrong section is as near as a slip of the finger.
        const std::size_t elsewhere = edit_distance(key_of(unknown), key_of(candidate)) + 1;
        const std::size_t distance = std::min(edit_distance(unknown, candidate), elsewhere);
        if (distance < least) {
            least = distance;
            best = &candidate;
        }
    }
    return best != nullptr ? fmt::format("; did you mean {}?", *best) : std::string();
}

// Collects all that is wrong with one file, to be told in the order of its lines.
class Errors {
public:
    explicit Errors(std::string name) : name_(std::move(name)) {}

    void add(const toml::source_region& where, std::string_view text) {
        const auto& at = where.begin;
        found_.emplace(std::pair(at.line, at.column),
                       fmt::format("{}:{}:{}: {}", name_, at.line, at.column, text));
    }

    /// False where there are so many already that one more is counted and not told: nobody reads
    /// thousands of lines, and a reload must not stop the loop for as long as making them takes.
    [[nodiscard]] bool has_room() {
        constexpr std::size_t kMost = 100;
        if (found_.size() < kMost) {
            return true;
        }
        ++more_;
        return false;
    }

    void throw_if_any() const {
        std::vector<std::string> lines;
        for (const auto& [place, line] : found_) {
            lines.push_back(line);
        }
        if (more_ != 0) {
            lines.push_back(fmt::format("{}: and {} more errors", name_, more_));
        }
        if (!lines.empty()) {
            throw ConfigError(std::move(lines));
        }
    }

private:
    std::string name_;
    std::multimap<std::pair<toml::source_index, toml::source_index>, std::string> found_;
    std::size_t more_ = 0;
};

void refuse_unknown(const toml::table& root, Errors& errors) {
    const std::vector<std::string> keys = config_keys();
    std::set<std::string> sections;
    for (const std::string& key : keys) {
        sections.insert(key.substr(0, key.find('.')));
    }
    const std::vector<std::string> section_list(sections.begin(), sections.end());
    for (const auto& [section, node] : root) {
        const std::string name = fit(std::string(section.str()));
        const toml::table* table = node.as_table();
        if (!sections.contains(name)) {
            if (!errors.has_room()) {
                continue;
            }
            // A key above the first [section] lands here too.
            std::vector<std::string> candidates = keys;
            candidates.insert(candidates.end(), section_list.begin(), section_list.end());
            errors.add(section.source(),
                       fmt::format("{}: unknown {}{}", name, table ? "section" : "key",
                                   suggestion(name, table ? section_list : candidates)));
            continue;
        }
        if (table == nullptr) {
            errors.add(node.source(),
                       fmt::format("{}: must be a section, [{}], is {}", name, name, show(node)));
            continue;
        }
        for (const auto& [key, value] : *table) {
            const std::string full = fmt::format("{}.{}", name, fit(std::string(key.str())));
            if (std::find(keys.begin(), keys.end(), full) == keys.end() && errors.has_room()) {
                errors.add(key.source(),
                           fmt::format("{}: unknown key{}", full, suggestion(full, keys)));
            }
        }
    }
}

std::string read_regular_file(const std::string& path) {
    const auto fail = [&path](std::string_view why) {
        throw ConfigError({fmt::format("{}: {}", path, why)});
    };
    // O_NONBLOCK: opening a FIFO that nobody writes to must not wait.
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        fail(fmt::format("cannot be opened: {}", describe_errno(errno)));
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        fail(fmt::format("fstat: {}", describe_errno(errno)));
    }
    if (!S_ISREG(status.st_mode)) {
        fail(S_ISDIR(status.st_mode) ? "must be a file, is a directory" : "must be a regular file");
    }
    if (status.st_size > kLargestFile) {
        fail(fmt::format("must be at most {} bytes, is {}", kLargestFile, status.st_size));
    }
    std::string text(static_cast<std::size_t>(kLargestFile) + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            fail(fmt::format("cannot be read: {}", describe_errno(errno)));
        }
        if (n == 0) {
            break;
        }
        size += static_cast<std::size_t>(n);
    }
    text.resize(size);
    return text;
}

} // namespace

ConfigError::ConfigError(std::vector<std::string> lines)
    : std::runtime_error(fmt::format("{}", fmt::join(lines, "\n"))), lines_(std::move(lines)) {}

Config parse_config(std::string_view text, const std::string& name) {
    Errors errors(name);
    toml::table root;
    try {
        // Without the name, which toml++ would copy in a constructor that is noexcept. Its error
        // has one too: memory that is out just where a file turns out to be no TOML ends the
        // process.
        root = toml::parse(text);
    } catch (const toml::parse_error& error) {
        errors.add(error.source(),
                   printable(fmt::format("not valid TOML: {}", error.description())));
        errors.throw_if_any();
    }
    Config config;
    visit_config(
        config, [&](std::string_view section, std::string_view key, auto& value, const auto& rule) {
            const toml::node* node = root[section][key].node();
            if (node != nullptr && !assign(*node, value, rule)) {
                errors.add(node->source(), fmt::format("{}.{}: must be {}, is {}", section, key,
                                                       describe(rule), show(*node)));
            }
        });
    refuse_unknown(root, errors);
    errors.throw_if_any();
    return config;
}

Config load_config(const std::string& path) {
    return parse_config(read_regular_file(path), path);
}

std::string format_config(const Config& config) {
    std::string text;
    std::string_view current;
    visit_config(config, [&](std::string_view section, std::string_view key, const auto& value,
                             const auto& rule) {
        if (section != current) {
            text += fmt::format("{}[{}]\n", current.empty() ? "" : "\n", section);
            current = section;
        }
        text += fmt::format("{} = {}\n", key, print(value, rule));
    });
    return text;
}

std::vector<std::string> config_keys() {
    std::vector<std::string> keys;
    const Config config;
    visit_config(config,
                 [&keys](std::string_view section, std::string_view key, const auto&, const auto&) {
                     keys.push_back(fmt::format("{}.{}", section, key));
                 });
    return keys;
}

std::vector<std::string> keys_that_need_a_restart(const Config& running, const Config& wanted) {
    std::vector<std::string> keys;
    const auto compare = [&keys](bool same, const char* key) {
        if (!same) {
            keys.emplace_back(key);
        }
    };
    compare(running.listen.addresses == wanted.listen.addresses, "listen.addresses");
    compare(running.listen.port == wanted.listen.port, "listen.port");
    compare(running.listen.backlog == wanted.listen.backlog, "listen.backlog");
    compare(running.log.target == wanted.log.target, "log.target");
    return keys;
}

} // namespace echod
