// SPDX-License-Identifier: Apache-2.0
#include "map-sums.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <unordered_set>
#include <utility>

namespace ringtail {

namespace {

constexpr uint32_t kMostEntries = 1 << 20;
// Values of all CPUs of one batch; a bucket that holds more entries makes it grow.
constexpr size_t kBatchBytes = 4 << 20;
constexpr uint32_t kLeastBatch = 64;

bool IsPerCpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool CanBeRead(uint32_t type)
{
	return IsPerCpu(type) || type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH;
}

} // namespace

MapSums &MapSums::operator=(MapSums &&other) noexcept
{
	std::swap(fd_, other.fd_);
	std::swap(keyBytes_, other.keyBytes_);
	std::swap(words_, other.words_);
	std::swap(copies_, other.copies_);
	std::swap(maxEntries_, other.maxEntries_);
	std::swap(takes_, other.takes_);
	std::swap(name_, other.name_);
	std::swap(wanted_, other.wanted_);
	return *this;
}

MapSums::~MapSums()
{
	if (fd_ >= 0)
		close(fd_);
}

Failure MapSums::Open(const LoadedObject &object, const std::string &map, MapSums &reading)
{
	const int fd = object.MapFd(map);
	if (fd < 0)
		return {ENOENT, "no map " + map, ""};
	bpf_map_info info = {};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return {errno, "cannot look at the map " + map, ""};
	const int cpus = libbpf_num_possible_cpus();
	if (cpus < 1)
		return {-cpus, "cannot tell how many CPUs there are", ""};
	if (!CanBeRead(info.type) || info.value_size % sizeof(uint64_t) != 0)
		return {EINVAL, "the map " + map + " holds no sums", ""};
	reading.name_ = map;
	reading.keyBytes_ = info.key_size;
	reading.words_ = info.value_size / sizeof(uint64_t);
	reading.copies_ = IsPerCpu(info.type) ? static_cast<uint32_t>(cpus) : 1;
	reading.maxEntries_ = info.max_entries;
	reading.fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return reading.fd_ < 0 ? Failure{errno, "cannot open the map " + map + " once more", ""} : Failure{};
}

Failure MapSums::OpenTake(const LoadedObject &object, const std::string &map, std::vector<uint8_t> keys, MapSums &reading)
{
	if (Failure failure = Open(object, map, reading))
		return failure;
	if (keys.size() % reading.keyBytes_ != 0)
		return {EINVAL, "a key of the map " + map + " has " + std::to_string(reading.keyBytes_) + " bytes", ""};
	reading.takes_ = true;
	reading.wanted_ = std::move(keys);
	return {};
}

void MapSums::Add(Sums &sums, const uint8_t *key, const uint8_t *value) const
{
	sums.keys.insert(sums.keys.end(), key, key + keyBytes_);
	const size_t first = sums.sums.size();
	sums.sums.resize(first + words_);
	for (uint32_t word = 0; word < words_; word++) {
		uint64_t sum = 0; // of all CPUs before it becomes a double
		for (uint32_t copy = 0; copy < copies_; copy++) {
			uint64_t part;
			std::memcpy(&part, value + (size_t{copy} * words_ + word) * sizeof(part), sizeof(part));
			sum += part;
		}
		sums.sums[first + word] = static_cast<double>(sum);
	}
	sums.count++;
}

int MapSums::ReadBatches(Sums &sums) const
{
	const size_t valueBytes = size_t{words_} * copies_ * sizeof(uint64_t);
	// what stands between two batches is a bucket's number, or a key of an array
	std::vector<uint8_t> place(std::max<uint32_t>(keyBytes_, sizeof(uint32_t))), behind(place.size()), keys, values;
	uint32_t room = std::max<uint32_t>(kLeastBatch, static_cast<uint32_t>(std::min<size_t>(kBatchBytes / valueBytes, maxEntries_)));
	bool first = true;
	while (sums.count < kMostEntries) {
		uint32_t count = room;
		keys.resize(size_t{room} * keyBytes_);
		values.resize(size_t{room} * valueBytes);
		const int failed =
			bpf_map_lookup_batch(fd_, first ? nullptr : place.data(), behind.data(), keys.data(), values.data(), &count, nullptr);
		const int error = failed ? errno : 0;
		if (error == ENOSPC && room < kMostEntries) { // a bucket holds more
			room *= 2;
			continue;
		}
		if (error && error != ENOENT)
			return error;
		for (uint32_t i = 0; i < count; i++)
			Add(sums, keys.data() + size_t{i} * keyBytes_, values.data() + i * valueBytes);
		first = false;
		std::swap(place, behind);
		if (error == ENOENT)
			return 0;
	}
	sums.missed = maxEntries_ > sums.count ? maxEntries_ - sums.count : 0;
	return 0;
}

// For kernels, and kinds of maps, without batches. When the entry is gone that the walk stands at, the kernel begins anew.
int MapSums::ReadSingly(Sums &sums) const
{
	std::vector<uint8_t> key(keyBytes_), next(keyBytes_), value(size_t{words_} * copies_ * sizeof(uint64_t));
	std::unordered_set<std::string> met;
	bool first = true;
	const uint64_t mostSteps = uint64_t{maxEntries_} * 2 + 1;
	for (uint64_t step = 0; step < mostSteps && sums.count < kMostEntries; step++) {
		if (bpf_map_get_next_key(fd_, first ? nullptr : key.data(), next.data()))
			return errno == ENOENT ? 0 : errno;
		first = false;
		std::swap(key, next);
		if (!met.emplace(reinterpret_cast<const char *>(key.data()), key.size()).second)
			continue;
		if (bpf_map_lookup_elem(fd_, key.data(), value.data()) == 0)
			Add(sums, key.data(), value.data());
		else if (errno != ENOENT) // else it was taken out meanwhile
			return errno;
	}
	sums.missed = maxEntries_ > sums.count ? maxEntries_ - sums.count : 0;
	return 0;
}

void MapSums::Take(Sums &sums) const
{
	std::vector<uint8_t> value(size_t{words_} * copies_ * sizeof(uint64_t));
	bool inOneStep = true;
	for (size_t at = 0; at < wanted_.size(); at += keyBytes_) {
		const uint8_t *key = wanted_.data() + at;
		int error = EINVAL;
		if (inOneStep) {
			error = bpf_map_lookup_and_delete_elem(fd_, key, value.data()) ? errno : 0;
			inOneStep = error == 0 || error == ENOENT;
		}
		if (!inOneStep) { // hashes have it since 5.14
			error = bpf_map_lookup_elem(fd_, key, value.data()) ? errno : 0;
			if (!error)
				error = bpf_map_delete_elem(fd_, key) ? errno : 0;
		}
		if (!error)
			Add(sums, key, value.data());
		else if (error != ENOENT) // what was taken out before is told all the same
			sums.missed++;
	}
}

Failure MapSums::Run(Sums &sums) const
{
	sums = {};
	sums.keyBytes = keyBytes_;
	sums.words = words_;
	int error = 0;
	if (takes_) {
		Take(sums);
	} else if (ReadBatches(sums)) {
		sums.count = 0;
		sums.keys.clear();
		sums.sums.clear();
		error = ReadSingly(sums);
	}
	return error ? Failure{error, "cannot read the map " + name_, ""} : Failure{};
}

} // namespace ringtail
