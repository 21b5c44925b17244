// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "objects.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringtail {

// Many entries of one map at one go, on any thread: it keeps a descriptor of its own, so the object may be unloaded meanwhile.
class MapChange {
public:
	enum class Kind { kPut, kDrop, kSwap };

	// Keys and values lie one behind the other.
	static Failure Put(
		const LoadedObject &object, const std::string &map, std::vector<uint8_t> keys, std::vector<uint8_t> values, MapChange &change);
	static Failure Drop(const LoadedObject &object, const std::string &map, std::vector<uint8_t> keys, MapChange &change);
	// The entry 0 of an array of maps becomes an array with this one value, or nothing when there is no value.
	static Failure Swap(const LoadedObject &object, const std::string &map, const std::vector<uint8_t> &value, MapChange &change);
	// It becomes the map that is pinned there, or nothing when there is no path. The kernel refuses with EINVAL one of another kind than its own.
	static Failure Use(const LoadedObject &object, const std::string &map, const std::string &path, MapChange &change);

	MapChange() = default;
	MapChange(MapChange &&other) noexcept { *this = std::move(other); }
	MapChange &operator=(MapChange &&other) noexcept;
	~MapChange();

	// A swap ends when no program uses any more what was there before.
	Failure Apply();
	// Number of the map that a swap makes; 0: it makes none.
	uint32_t InnerId() const;

private:
	Failure Open(const LoadedObject &object, const std::string &map, Kind kind);
	Failure PutAll();
	Failure DropAll();

	Kind kind_ = Kind::kPut;
	int fd_ = -1;
	int innerFd_ = -1;
	size_t keyBytes_ = 0;
	size_t valueBytes_ = 0;
	std::string name_;
	std::vector<uint8_t> keys_, values_;
};

} // namespace ringtail
