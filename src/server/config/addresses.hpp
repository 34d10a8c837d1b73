// SPDX-License-Identifier: MIT
// Lists of addresses that can never be bound as a whole.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// In listen.addresses: every address of the machine, IPv4 and IPv6.
inline constexpr std::string_view kEveryAddress = "*";

/// An address that cannot be bound, or not beside an earlier one of the list.
struct AddressConflict {
    std::size_t index;
    std::string text; ///< "must be ..., is ..."
};

/// The conflicts in a list of which every element is kEveryAddress or fulfils is_ip(): an address
/// that is there twice, also with another spelling; an address beside the wildcard address that
/// includes it; an IPv4-mapped address; a link-local address without interface. At most one for
/// each element.
[[nodiscard]] std::vector<AddressConflict>
address_conflicts(const std::vector<std::string>& addresses);

} // namespace echod
