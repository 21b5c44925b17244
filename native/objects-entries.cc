// SPDX-License-Identifier: Apache-2.0
// Reading the maps that programs fill.
#include "objects.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>

namespace ringtail {

namespace {

// Grows with the map; a bucket with more entries than that gives ENOSPC.
constexpr uint32_t kFirstBatch = 1024;
constexpr uint32_t kMostEntries = 1 << 20;

size_t ValueBytes(const bpf_map *map)
{
	const size_t bytes = bpf_map__value_size(map);
	const bpf_map_type type = bpf_map__type(map);
	const bool perCpu = type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	return perCpu ? (bytes + 7) / 8 * 8 * static_cast<size_t>(libbpf_num_possible_cpus()) : bytes;
}

// Moves the entries from `first` on that match to the front of theirs.
void KeepMatching(MapEntries &entries, uint32_t first, const std::vector<EntryMatch> &matches)
{
	if (matches.empty())
		return;
	uint32_t kept = first;
	for (uint32_t i = first; i < entries.count; i++) {
		const uint8_t *value = entries.values.data() + i * size_t{entries.valueBytes};
		const bool wanted = std::any_of(matches.begin(), matches.end(), [&](const EntryMatch &match) {
			return match.offset + match.bytes.size() <= entries.valueBytes &&
			       std::memcmp(value + match.offset, match.bytes.data(), match.bytes.size()) == 0;
		});
		if (!wanted)
			continue;
		if (kept != i) {
			std::memcpy(entries.keys.data() + kept * size_t{entries.keyBytes}, entries.keys.data() + i * size_t{entries.keyBytes},
				entries.keyBytes);
			std::memcpy(entries.values.data() + kept * size_t{entries.valueBytes}, value, entries.valueBytes);
		}
		kept++;
	}
	entries.count = kept;
}

// For kernels, and kinds of maps, without batches.
int ReadSingly(int fd, MapEntries &entries, const std::vector<EntryMatch> &matches)
{
	std::vector<uint8_t> key(entries.keyBytes), next(entries.keyBytes), value(entries.valueBytes);
	bool first = true;
	while (bpf_map_get_next_key(fd, first ? nullptr : key.data(), next.data()) == 0 && entries.count < kMostEntries) {
		first = false;
		key = next;
		if (bpf_map_lookup_elem(fd, key.data(), value.data()))
			continue; // taken out meanwhile
		entries.keys.insert(entries.keys.end(), key.begin(), key.end());
		entries.values.insert(entries.values.end(), value.begin(), value.end());
		entries.count++;
		KeepMatching(entries, entries.count - 1, matches);
		entries.keys.resize(entries.count * size_t{entries.keyBytes});
		entries.values.resize(entries.count * size_t{entries.valueBytes});
	}
	return 0;
}

int ReadBatches(int fd, MapEntries &entries, const std::vector<EntryMatch> &matches)
{
	std::vector<uint8_t> place(entries.keyBytes < 4 ? 4 : entries.keyBytes), behind(place.size());
	uint32_t room = kFirstBatch;
	bool first = true;
	while (entries.count < kMostEntries) {
		uint32_t count = room;
		entries.keys.resize((entries.count + count) * size_t{entries.keyBytes});
		entries.values.resize((entries.count + count) * size_t{entries.valueBytes});
		const int failed = bpf_map_lookup_batch(fd, first ? nullptr : place.data(), behind.data(),
			entries.keys.data() + entries.count * size_t{entries.keyBytes},
			entries.values.data() + entries.count * size_t{entries.valueBytes}, &count, nullptr);
		const int error = failed ? errno : 0;
		if (error == ENOSPC && room < kMostEntries) { // a bucket holds more
			room *= 2;
			continue;
		}
		if (error && error != ENOENT)
			return error;
		entries.count += count;
		KeepMatching(entries, entries.count - count, matches);
		first = false;
		place = behind;
		if (error == ENOENT)
			break;
	}
	entries.keys.resize(entries.count * size_t{entries.keyBytes});
	entries.values.resize(entries.count * size_t{entries.valueBytes});
	return 0;
}

} // namespace

int ReadEntriesOf(int fd, MapEntries &entries, const std::vector<EntryMatch> &matches)
{
	const int error = ReadBatches(fd, entries, matches);
	if (!error)
		return 0;
	entries.count = 0;
	entries.keys.clear();
	entries.values.clear();
	return ReadSingly(fd, entries, matches);
}

Failure LoadedObject::ReadEntries(const std::string &name, MapEntries &entries, const std::vector<EntryMatch> &matches) const
{
	const bpf_map *map = bpf_object__find_map_by_name(object_, name.c_str());
	if (!map || bpf_map__fd(map) < 0)
		return {ENOENT, "no map " + name, ""};
	entries = {};
	entries.keyBytes = bpf_map__key_size(map);
	entries.valueBytes = static_cast<uint32_t>(ValueBytes(map));
	const int error = ReadEntriesOf(bpf_map__fd(map), entries, matches);
	return error ? Failure{error, "cannot read the map " + name, ""} : Failure{};
}

Failure LoadedObject::TakeEntry(const std::string &name, const std::vector<uint8_t> &key, std::vector<uint8_t> &value, bool &found) const
{
	found = false;
	bpf_map *map = nullptr;
	if (Failure failure = FindMap(name, key.size(), map))
		return failure;
	const int fd = bpf_map__fd(map);
	value.resize(ValueBytes(map));
	if (bpf_map_lookup_and_delete_elem(fd, key.data(), value.data()) == 0) {
		found = true;
		return {};
	}
	if (errno == ENOENT)
		return {};
	// hashes have it since 5.14
	if (bpf_map_lookup_elem(fd, key.data(), value.data()))
		return errno == ENOENT ? Failure{} : Failure{errno, "cannot read the map " + name, ""};
	found = bpf_map_delete_elem(fd, key.data()) == 0;
	return {};
}

} // namespace ringtail
