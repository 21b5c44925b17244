// SPDX-License-Identifier: Apache-2.0
#include "maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>

namespace ringtail {

namespace {

bool IsPerCpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

int ReadInBatches(int fd, uint32_t capacity, MapContents &contents)
{
	std::vector<uint8_t> position(contents.keyBytes > 8 ? contents.keyBytes : 8), next(position.size());
	bool first = true;
	while (contents.entries < capacity) {
		uint32_t count = capacity - contents.entries;
		const int error = bpf_map_lookup_batch(fd, first ? nullptr : position.data(), next.data(),
			contents.keys.data() + static_cast<size_t>(contents.entries) * contents.keyBytes,
			contents.values.data() + static_cast<size_t>(contents.entries) * contents.valueBytes, &count, nullptr);
		if (error && error != -ENOENT)
			return error;
		contents.entries += count;
		if (error == -ENOENT)
			return 0;
		position = next;
		first = false;
	}
	return 0;
}

int ReadOneByOne(int fd, uint32_t capacity, MapContents &contents)
{
	const uint8_t *previous = nullptr;
	contents.entries = 0;
	while (contents.entries < capacity) {
		uint8_t *key = contents.keys.data() + static_cast<size_t>(contents.entries) * contents.keyBytes;
		int error = bpf_map_get_next_key(fd, previous, key);
		if (error == -ENOENT)
			return 0;
		if (error)
			return error;
		previous = key;
		error = bpf_map_lookup_elem(fd, key, contents.values.data() + static_cast<size_t>(contents.entries) * contents.valueBytes);
		if (!error)
			contents.entries++;
		else if (error != -ENOENT) // it went away in between
			return error;
	}
	return 0;
}

} // namespace

int ReadMap(int fd, MapContents &contents)
{
	bpf_map_info info = {};
	uint32_t bytes = sizeof(info);
	int error = bpf_obj_get_info_by_fd(fd, &info, &bytes);
	if (error)
		return error;
	const auto cpus = static_cast<uint32_t>(libbpf_num_possible_cpus());
	contents.keyBytes = info.key_size;
	contents.valueBytes = IsPerCpu(info.type) ? ((info.value_size + 7) & ~7u) * cpus : info.value_size;
	contents.entries = 0;
	contents.keys.resize(static_cast<size_t>(info.max_entries) * contents.keyBytes);
	contents.values.resize(static_cast<size_t>(info.max_entries) * contents.valueBytes);
	error = ReadInBatches(fd, info.max_entries, contents);
	if (error == -EINVAL || error == -ENOTSUP || error == -524 /* ENOTSUPP, the kernel's own */)
		error = ReadOneByOne(fd, info.max_entries, contents);
	contents.keys.resize(static_cast<size_t>(contents.entries) * contents.keyBytes);
	contents.values.resize(static_cast<size_t>(contents.entries) * contents.valueBytes);
	return error;
}

} // namespace ringtail
