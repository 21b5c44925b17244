// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

namespace ringtail {

// All entries of a map at one go. `values` holds `valueBytes` an entry: for a per-CPU map the values of all possible CPUs,
// each rounded up to eight bytes.
struct MapContents {
	uint32_t keyBytes = 0;
	uint32_t valueBytes = 0;
	uint32_t entries = 0;
	std::vector<uint8_t> keys;
	std::vector<uint8_t> values;
};

// By batches where the kernel has them for this type of map, else entry by entry. Returns 0 or -errno.
int ReadMap(int fd, MapContents &contents);

} // namespace ringtail
