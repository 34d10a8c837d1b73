// SPDX-License-Identifier: MIT
#include "server/config/reader.hpp"

#include "base/printable.hpp"
#include "base/suggestion.hpp"
#include "base/sys_error.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"
#include "net/address.hpp"
#include "net/network.hpp"
#include "server/config/addresses.hpp"
#include "server/config/nesting.hpp"
#include "server/config/schema.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <optional>
#include <set>
#include <sstream>

// toml++'s exception allocates in a noexcept constructor, where std::bad_alloc ends the process. So
// its variant without that exception is compiled here; a system's library has only the other one.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
// Some of its assertions are wrong for a text with errors, such as "[[[", and with NDEBUG clang
// would optimize for them.
#define TOML_ASSERT(expr) static_cast<void>(0)
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace echod {

namespace {

constexpr off_t kLargestFile = 1024 * 1024;

// What a rule allows, for an error. One overload for each rule of the schema.
std::string describe(const WholeNumber& rule) {
    return fmt::format("{} to {}", rule.least, rule.most);
}

std::string describe(const Time& rule) {
    return fmt::format("a duration from {} to {}, such as \"30s\"{}", format_duration(rule.least),
                       format_duration(rule.most),
                       rule.zero_is_never ? ", or \"0\" for never" : "");
}

std::string describe(const TimeOrAuto& rule) {
    return fmt::format("\"auto\", a duration from {} to {}, such as \"50us\", or \"0\" for off",
                       format_duration(rule.least), format_duration(rule.most));
}

std::string describe(const ByteSize& rule) {
    return fmt::format("a size from {} to {}, such as \"128KiB\", or \"0\" for no limit",
                       format_bytes(rule.least), format_bytes(rule.most));
}

std::string describe(const IpAddresses&) {
    return "a list of one or more IPv4 or IPv6 addresses in quotes, or [\"*\"] for all";
}

std::string describe(const Networks& rule) {
    return fmt::format("a list of at most {} IPv4 or IPv6 networks in quotes, such as "
                       "\"192.0.2.0/24\" (no bit set behind the prefix)",
                       rule.most);
}

template <class Enum>
std::string describe(const NameOf<Enum>&) {
    return enum_choices<Enum>("\"");
}

// Text of the file as an error quotes it: printable and at most about 60 bytes.
std::string fit(const std::string& raw) {
    constexpr std::size_t kMost = 60;
    std::string text = printable(raw);
    if (text.size() <= kMost) {
        return text;
    }
    std::size_t end = kMost;
    while (end != 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
        --end; // do not cut a UTF-8 character
    }
    return text.substr(0, end) + "...";
}

// A value as it is written in the file.
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

// Converts a value of the file; returns false and leaves `value` as it is if the rule does not
// allow it. One overload for each rule of the schema.
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
        duration = Duration::zero(); // 0 needs no unit
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

bool assign(const toml::node& node, std::optional<Duration>& value, const TimeOrAuto& rule) {
    if (node.value_exact<std::string>() == "auto") {
        value.reset();
        return true;
    }
    Duration duration{};
    const bool valid = assign(node, duration, Time{rule.least, rule.most, true});
    value = valid ? duration : value;
    return valid;
}

bool assign(const toml::node& node, std::uint32_t& value, const ByteSize& rule) {
    std::optional<std::uint64_t> size;
    if (const auto text = node.value_exact<std::string>()) {
        size = parse_bytes(*text);
    } else if (const auto number = node.value_exact<std::int64_t>(); number && *number >= 0) {
        size = static_cast<std::uint64_t>(*number);
    }
    if (!size || *size > rule.most || (*size < rule.least && *size != 0)) {
        return false;
    }
    value = static_cast<std::uint32_t>(*size);
    return true;
}

// Reads a list of texts for each of which `allowed` is true.
template <class Predicate>
bool assign_list(const toml::array& list, std::vector<std::string>& value, Predicate&& allowed) {
    std::vector<std::string> texts;
    for (const toml::node& element : list) {
        const auto text = element.value_exact<std::string>();
        if (!text || !allowed(*text)) {
            return false;
        }
        texts.push_back(*text);
    }
    value = std::move(texts);
    return true;
}

bool assign(const toml::node& node, std::vector<std::string>& value, const IpAddresses&) {
    const toml::array* list = node.as_array();
    return list != nullptr && !list->empty() &&
           assign_list(*list, value, [](const std::string& text) {
               return text == kEveryAddress || is_ip(text);
           });
}

bool assign(const toml::node& node, std::vector<std::string>& value, const Networks& rule) {
    const toml::array* list = node.as_array();
    return list != nullptr && list->size() <= rule.most &&
           assign_list(*list, value,
                       [](const std::string& text) { return parse_network(text).has_value(); });
}

template <class Enum>
bool assign(const toml::node& node, Enum& value, const NameOf<Enum>&) {
    const auto name = node.value_exact<std::string>();
    const std::optional<Enum> found = name ? enum_value<Enum>(*name) : std::nullopt;
    if (!found) {
        return false;
    }
    value = *found;
    return true;
}

// The errors of one file, sorted by line.
class Errors {
public:
    explicit Errors(std::string name) : name_(std::move(name)) {}

    void add(const toml::source_region& where, std::string_view text) { add(where.begin, text); }
    void add(const toml::source_position& at, std::string_view text) {
        found_.emplace(std::pair(at.line, at.column),
                       fmt::format("{}:{}:{}: {}", name_, at.line, at.column, text));
    }

    /// False if the list is full; the error is then only counted. A limit is needed because a
    /// reload formats the errors inside the loop, and thousands of them would delay the clients.
    [[nodiscard]] bool has_room() {
        constexpr std::size_t kMost = 100;
        if (found_.size() < kMost) {
            return true;
        }
        ++omitted_;
        return false;
    }

    void throw_if_any() const {
        std::vector<std::string> lines;
        for (const auto& [place, line] : found_) {
            lines.push_back(line);
        }
        if (omitted_ != 0) {
            lines.push_back(fmt::format("{}: and {} more", name_, omitted_));
        }
        if (!lines.empty()) {
            throw ConfigError(std::move(lines));
        }
    }

private:
    std::string name_;
    std::multimap<std::pair<toml::source_index, toml::source_index>, std::string> found_;
    std::size_t omitted_ = 0;
};

// Adds an error for each section and key that the schema does not have.
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
            // This is also a key above the first [section].
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

// Adds an error for each address of the list that can never be bound, or not beside an earlier one.
// `addresses` is what was read from the list, or the default where the list has another error.
void refuse_conflicts(const toml::array& list, const std::vector<std::string>& addresses,
                      Errors& errors) {
    if (addresses.size() != list.size()) {
        return;
    }
    for (const AddressConflict& conflict : address_conflicts(addresses)) {
        if (errors.has_room()) {
            errors.add(list[conflict.index].source(), "listen.addresses: " + conflict.text);
        }
    }
}

// Adds an error if every connection has to begin with a PROXY header and no network may send one.
// `at` is the value of listen.proxy_protocol.
void refuse_unreachable(const toml::node* at, const Config::Listen& listen, Errors& errors) {
    if (at != nullptr && listen.proxy_protocol == ProxyProtocol::required &&
        listen.proxy_from.empty()) {
        errors.add(
            at->source(),
            "listen.proxy_protocol: must be \"off\" while listen.proxy_from lists no network, "
            "is \"required\"; list the networks of the load balancers there, such as "
            "[\"192.0.2.10\"]");
    }
}

// The parser, and the destructor of what it returns, call themselves for each level of nesting. So
// a text that is nested too deeply is parsed up to there only, for an error that comes before.
toml::table parse_toml(std::string_view text, Errors& errors) {
    const std::optional<DeepPlace> deep = find_deep_place(text);
    // Parsed without the name, because toml++ would copy it in a noexcept constructor.
    toml::parse_result result = toml::parse(deep ? text.substr(0, deep->offset) : text);
    if (!result) {
        const toml::source_position& at = result.error().source().begin;
        if (!deep || std::pair<std::size_t, std::size_t>(at.line, at.column) <
                         std::pair(deep->line, deep->column)) {
            errors.add(at,
                       printable(fmt::format("not valid TOML: {}", result.error().description())));
            errors.throw_if_any();
        }
    }
    if (deep) {
        errors.add(toml::source_position{static_cast<toml::source_index>(deep->line),
                                         static_cast<toml::source_index>(deep->column)},
                   deep->error);
        errors.throw_if_any();
    }
    return std::move(result).table();
}

std::string read_regular_file(const std::string& path) {
    const auto fail = [&path](std::string_view why) {
        throw ConfigError({fmt::format("{}: {}", path, why)});
    };
    // O_NONBLOCK: opening a FIFO without a writer would block.
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
    for (ssize_t n = 1; n != 0 && size < text.size();) {
        n = ::read(fd.get(), text.data() + size, text.size() - size);
        if (n < 0 && errno != EINTR) {
            fail(fmt::format("cannot be read: {}", describe_errno(errno)));
        }
        size += n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    text.resize(size);
    return text;
}

} // namespace

ConfigError::ConfigError(std::vector<std::string> lines)
    : std::runtime_error(fmt::format("{}", fmt::join(lines, "\n"))), lines_(std::move(lines)) {}

Config parse_config(std::string_view text, const std::string& name) {
    Errors errors(name);
    const toml::table root = parse_toml(text, errors);
    Config config;
    visit_config(
        config, [&](std::string_view section, std::string_view key, auto& value, const auto& rule) {
            const toml::node* node = root[section][key].node();
            if (node != nullptr && !assign(*node, value, rule)) {
                errors.add(node->source(), fmt::format("{}.{}: must be {}, is {}", section, key,
                                                       describe(rule), show(*node)));
            }
        });
    if (const toml::array* list = root["listen"]["addresses"].as_array()) {
        refuse_conflicts(*list, config.listen.addresses, errors);
    }
    refuse_unreachable(root["listen"]["proxy_protocol"].node(), config.listen, errors);
    refuse_unknown(root, errors);
    errors.throw_if_any();
    return config;
}

Config load_config(const std::string& path) {
    return parse_config(read_regular_file(path), path);
}

} // namespace echod
