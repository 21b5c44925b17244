// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ringtail {

// A BPF filter of traffic control for what arrives at an interface.
struct NetFilter {
	uint32_t ifindex = 0, handle = 0, priority = 0, id = 0;
	std::string name;
};

// Those of one interface in one direction, TC_H_MIN_INGRESS or TC_H_MIN_EGRESS, and how many there are of any kind. 0 or errno.
int ListFilters(uint32_t ifindex, uint32_t direction, std::vector<NetFilter> &filters, uint32_t &all);
// Of all interfaces. 0 or errno.
int ListAllFilters(std::vector<NetFilter> &filters);
// The qdisc that carries filters.
void RemoveQdiscWhenEmpty(uint32_t ifindex);

} // namespace ringtail
