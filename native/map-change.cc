// SPDX-License-Identifier: Apache-2.0
#include "map-change.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace ringtail {

MapChange &MapChange::operator=(MapChange &&other) noexcept
{
	std::swap(kind_, other.kind_);
	std::swap(fd_, other.fd_);
	std::swap(innerFd_, other.innerFd_);
	std::swap(keyBytes_, other.keyBytes_);
	std::swap(valueBytes_, other.valueBytes_);
	std::swap(name_, other.name_);
	std::swap(keys_, other.keys_);
	std::swap(values_, other.values_);
	return *this;
}

MapChange::~MapChange()
{
	for (const int fd : {fd_, innerFd_}) {
		if (fd >= 0)
			close(fd);
	}
}

Failure MapChange::Open(const LoadedObject &object, const std::string &map, Kind kind)
{
	const int fd = object.MapFd(map);
	if (fd < 0)
		return {ENOENT, "no map " + map, ""};
	bpf_map_info info = {};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return {errno, "cannot look at the map " + map, ""};
	const bool isOuter = info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS;
	const bool isPlain = info.type == BPF_MAP_TYPE_ARRAY || info.type == BPF_MAP_TYPE_HASH || info.type == BPF_MAP_TYPE_LRU_HASH ||
			     info.type == BPF_MAP_TYPE_LPM_TRIE;
	// a per-CPU map wants a value for each CPU: this check keeps the kernel from reading behind ours
	if (kind == Kind::kSwap ? !isOuter : !isPlain)
		return {EINVAL, "the map " + map + " cannot be changed so", ""};
	kind_ = kind;
	name_ = map;
	keyBytes_ = info.key_size;
	valueBytes_ = info.value_size;
	fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return fd_ < 0 ? Failure{errno, "cannot open the map " + map + " once more", ""} : Failure{};
}

Failure MapChange::Put(const LoadedObject &object, const std::string &map, std::vector<uint8_t> keys, std::vector<uint8_t> values, MapChange &change)
{
	if (Failure failure = change.Open(object, map, Kind::kPut))
		return failure;
	if (keys.size() % change.keyBytes_ != 0 || values.size() != keys.size() / change.keyBytes_ * change.valueBytes_)
		return {EINVAL,
			"an entry of the map " + map + " has " + std::to_string(change.keyBytes_) + " and " + std::to_string(change.valueBytes_) +
				" bytes",
			""};
	change.keys_ = std::move(keys);
	change.values_ = std::move(values);
	return {};
}

Failure MapChange::Drop(const LoadedObject &object, const std::string &map, std::vector<uint8_t> keys, MapChange &change)
{
	if (Failure failure = change.Open(object, map, Kind::kDrop))
		return failure;
	if (keys.size() % change.keyBytes_ != 0)
		return {EINVAL, "a key of the map " + map + " has " + std::to_string(change.keyBytes_) + " bytes", ""};
	change.keys_ = std::move(keys);
	return {};
}

Failure MapChange::Swap(const LoadedObject &object, const std::string &map, const std::vector<uint8_t> &value, MapChange &change)
{
	if (Failure failure = change.Open(object, map, Kind::kSwap))
		return failure;
	if (value.empty())
		return {};
	change.innerFd_ = bpf_map_create(BPF_MAP_TYPE_ARRAY, "inner", sizeof(uint32_t), static_cast<uint32_t>(value.size()), 1, nullptr);
	if (change.innerFd_ < 0)
		return {errno, "cannot make a map for " + map, ""};
	const uint32_t zero = 0;
	if (bpf_map_update_elem(change.innerFd_, &zero, value.data(), BPF_ANY))
		return {errno, "cannot write to a map for " + map, ""};
	return {};
}

Failure MapChange::Use(const LoadedObject &object, const std::string &map, const std::string &path, MapChange &change)
{
	if (Failure failure = change.Open(object, map, Kind::kSwap))
		return failure;
	if (path.empty())
		return {};
	change.innerFd_ = bpf_obj_get(path.c_str());
	return change.innerFd_ < 0 ? Failure{errno, "cannot open " + path, ""} : Failure{};
}

Failure MapChange::PutAll()
{
	const size_t count = keys_.size() / keyBytes_;
	for (size_t i = 0; i < count; i++) {
		if (bpf_map_update_elem(fd_, keys_.data() + i * keyBytes_, values_.data() + i * valueBytes_, BPF_ANY))
			return {errno, "cannot write entry " + std::to_string(i + 1) + " of " + std::to_string(count) + " to the map " + name_, ""};
	}
	return {};
}

Failure MapChange::DropAll()
{
	for (size_t at = 0; at < keys_.size(); at += keyBytes_) {
		if (bpf_map_delete_elem(fd_, keys_.data() + at) && errno != ENOENT)
			return {errno, "cannot take from the map " + name_, ""};
	}
	return {};
}

Failure MapChange::Apply()
{
	if (kind_ == Kind::kPut)
		return PutAll();
	if (kind_ == Kind::kDrop)
		return DropAll();
	// the kernel waits for the programs that run: maybe_wait_bpf_programs in kernel/bpf/syscall.c, since 4.20
	const uint32_t zero = 0;
	const int failed = innerFd_ < 0 ? bpf_map_delete_elem(fd_, &zero) : bpf_map_update_elem(fd_, &zero, &innerFd_, BPF_ANY);
	if (failed && !(innerFd_ < 0 && errno == ENOENT))
		return {errno, "cannot exchange what is in the map " + name_, ""};
	return {};
}

uint32_t MapChange::InnerId() const
{
	return innerFd_ < 0 ? 0 : MapId(innerFd_);
}

} // namespace ringtail
