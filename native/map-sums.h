// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "objects.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringtail {

// Keys one behind the other, and what all CPUs together have under each: words of 64 bits, as doubles.
struct Sums {
	uint32_t count = 0;
	uint32_t keyBytes = 0;
	uint32_t words = 0;
	uint32_t missed = 0; // entries that may have been there and were not read
	std::vector<uint8_t> keys;
	std::vector<double> sums;
};

// One reading of a map that adds up, on any thread: it keeps a descriptor of its own, so the object may be unloaded meanwhile.
class MapSums {
public:
	// All of the map.
	static Failure Open(const LoadedObject &object, const std::string &map, MapSums &reading);
	// These keys, which are taken out.
	static Failure OpenTake(const LoadedObject &object, const std::string &map, std::vector<uint8_t> keys, MapSums &reading);

	MapSums() = default;
	MapSums(MapSums &&other) noexcept { *this = std::move(other); }
	MapSums &operator=(MapSums &&other) noexcept;
	~MapSums();

	Failure Run(Sums &sums) const;

private:
	void Add(Sums &sums, const uint8_t *key, const uint8_t *value) const;
	int ReadBatches(Sums &sums) const;
	int ReadSingly(Sums &sums) const;
	void Take(Sums &sums) const;

	int fd_ = -1;
	uint32_t keyBytes_ = 0;
	uint32_t words_ = 0;
	uint32_t copies_ = 1; // of a value: one for each CPU
	uint32_t maxEntries_ = 0;
	bool takes_ = false;
	std::string name_;
	std::vector<uint8_t> wanted_;
};

} // namespace ringtail
