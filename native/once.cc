// SPDX-License-Identifier: Apache-2.0
#include "once.h"

#include "objects.h"
#include "values.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace ringtail {

namespace {

bool IsWanted(const bpf_map_info &info, const std::string &name, uint32_t keyBytes, uint32_t valueBytes)
{
	return info.type == BPF_MAP_TYPE_HASH && info.key_size == keyBytes && info.value_size == valueBytes && name == info.name;
}

// Entries of the map behind the descriptor when it is a wanted one.
Failure ReadWhenWanted(
	int fd, const std::string &name, const MapEntries &shape, const std::vector<EntryMatch> &matches, std::vector<MapEntries> &found)
{
	bpf_map_info info = {};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) || !IsWanted(info, name, shape.keyBytes, shape.valueBytes))
		return {};
	MapEntries entries = shape;
	const int error = ReadEntriesOf(fd, entries, matches);
	if (error)
		return {error, "cannot read the map " + name, ""};
	found.push_back(std::move(entries));
	return {};
}

Failure FindMaps(const std::string &name, const MapEntries &shape, const std::vector<EntryMatch> &matches, std::vector<MapEntries> &found)
{
	uint32_t id = 0;
	while (bpf_map_get_next_id(id, &id) == 0) {
		const int fd = bpf_map_get_fd_by_id(id);
		if (fd < 0 && errno == ENOENT)
			continue; // it went away meanwhile
		if (fd < 0)
			return {errno, "cannot open the maps of others", ""};
		const Failure failure = ReadWhenWanted(fd, name, shape, matches, found);
		close(fd);
		if (failure)
			return failure;
	}
	return errno == ENOENT ? Failure{} : Failure{errno, "cannot list the maps of this host", ""};
}

// By the name of what is behind the descriptor, which the kernel gives it: anon_inode:bpf-map.
bool IsMap(int fd)
{
	char target[64] = {};
	const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof(target) - 1);
	return length > 0 && std::string_view(target) == "anon_inode:bpf-map";
}

} // namespace

Napi::Value NamedMaps(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!info[0].IsObject()) {
		ThrowType(env, "namedMaps: expected { name, keyBytes, valueBytes, match }");
		return env.Undefined();
	}
	const auto wanted = info[0].As<Napi::Object>();
	std::string name;
	std::vector<EntryMatch> matches;
	MapEntries shape;
	shape.keyBytes = NumberOr(wanted, "keyBytes", 0);
	shape.valueBytes = NumberOr(wanted, "valueBytes", 0);
	if (!ReadString(env, wanted.Get("name"), name) || !ReadMatches(env, wanted.Get("match"), matches))
		return env.Undefined();
	const LibbpfLog log;
	std::vector<MapEntries> found;
	if (const Failure failure = FindMaps(name, shape, matches, found)) {
		Throw(env, failure);
		return env.Undefined();
	}
	const auto out = Napi::Array::New(env);
	for (uint32_t i = 0; i < found.size(); i++)
		out.Set(i, EntriesOf(env, found[i]));
	return out;
}

Napi::Value RunOnce(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	ObjectSpec spec;
	if (!ReadSpec(env, info[0], spec))
		return env.Undefined();
	if (!info[1].IsNumber()) {
		ThrowType(env, "runOnce: expected a number of bytes");
		return env.Undefined();
	}
	const size_t most = info[1].As<Napi::Number>().Uint32Value();
	Failure failure;
	const std::unique_ptr<LoadedObject> object = LoadedObject::Load(spec, failure);
	std::vector<uint8_t> output;
	for (size_t i = 0; !failure && i < spec.programs.size(); i++)
		failure = object->ReadIterator(spec.programs[i], most, output);
	if (failure) {
		Throw(env, failure);
		return env.Undefined();
	}
	return Napi::Buffer<uint8_t>::Copy(env, output.data(), output.size());
}

Napi::Value PinnedMap(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string path;
	if (!ReadString(env, info[0], path))
		return env.Undefined();
	const int fd = bpf_obj_get(path.c_str());
	bpf_map_info map = {};
	uint32_t bytes = sizeof(map);
	if (fd < 0) {
		Throw(env, {errno, "cannot open " + path, ""});
		return env.Undefined();
	}
	// a program or link answers as well, with other fields
	const bool isMap = IsMap(fd);
	const int error = isMap && bpf_obj_get_info_by_fd(fd, &map, &bytes) ? errno : 0;
	close(fd);
	if (!isMap || error) {
		Throw(env, {isMap ? error : EINVAL, isMap ? "cannot look at " + path : path + " is no map", ""});
		return env.Undefined();
	}
	const auto out = Napi::Object::New(env);
	const auto put = [&](const char *name, uint32_t value) { out.Set(name, Napi::Number::New(env, value)); };
	put("id", map.id);
	put("type", map.type);
	put("keyBytes", map.key_size);
	put("valueBytes", map.value_size);
	put("entries", map.max_entries);
	put("flags", map.map_flags);
	return out;
}

} // namespace ringtail
