// SPDX-License-Identifier: Apache-2.0
#include "objects.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <string_view>
#include <unistd.h>

namespace ringtail {

namespace {

// Enough for the end of a verifier log: the instruction that was refused and the state before it.
constexpr size_t kLogBytes = 4096;
thread_local std::string *activeLog = nullptr;

int Print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!activeLog || level > LIBBPF_WARN)
		return 0;
	char *text = nullptr; // a verifier log comes as one message, megabytes long at times: its end is what matters
	const int length = vasprintf(&text, format, args);
	if (length < 0)
		return 0;
	const size_t skipped = static_cast<size_t>(length) > kLogBytes ? static_cast<size_t>(length) - kLogBytes : 0;
	activeLog->append(text + skipped);
	std::free(text);
	if (activeLog->size() > 2 * kLogBytes)
		activeLog->erase(0, activeLog->size() - kLogBytes);
	return length;
}

Failure Fail(int error, std::string what, const LibbpfLog *log = nullptr)
{
	return {error < 0 ? -error : error, std::move(what), log ? log->Tail() : std::string()};
}

// A `const volatile` global by its name: found through the object's own BTF.
bool SetOption(bpf_object *object, const std::string &name, uint64_t value)
{
	btf *types = bpf_object__btf(object);
	const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
	if (section < 0)
		return false;
	bpf_map *map = nullptr, *found = nullptr;
	bpf_object__for_each_map(map, object) {
		// of `object.rodata`; literals have one of their own, .rodata.str1.1
		const std::string_view own = bpf_map__name(map), ending = ".rodata";
		if (own.size() >= ending.size() && own.substr(own.size() - ending.size()) == ending)
			found = map;
	}
	size_t bytes = 0;
	auto *data = found ? static_cast<uint8_t *>(const_cast<void *>(bpf_map__initial_value(found, &bytes))) : nullptr;
	if (!data)
		return false;
	const btf_type *type = btf__type_by_id(types, static_cast<uint32_t>(section));
	const btf_var_secinfo *variable = btf_var_secinfos(type);
	for (uint32_t i = 0; i < btf_vlen(type); i++, variable++) {
		const btf_type *of = btf__type_by_id(types, variable->type);
		if (name != btf__name_by_offset(types, of->name_off))
			continue;
		if (variable->size > sizeof(value) || variable->offset + variable->size > bytes)
			return false;
		std::memcpy(data + variable->offset, &value, variable->size);
		return true;
	}
	return false;
}

} // namespace

void LibbpfLog::Install()
{
	static std::once_flag once;
	std::call_once(once, [] { libbpf_set_print(Print); });
}

LibbpfLog::LibbpfLog()
{
	Install();
	delete activeLog;
	activeLog = new std::string();
}

LibbpfLog::~LibbpfLog()
{
	delete activeLog;
	activeLog = nullptr;
}

std::string LibbpfLog::Tail() const
{
	const std::string &text = *activeLog;
	return text.size() > kLogBytes ? text.substr(text.size() - kLogBytes) : text;
}

std::unique_ptr<LoadedObject> LoadedObject::Load(const ObjectSpec &spec, Failure &failure)
{
	const LibbpfLog log;
	std::unique_ptr<LoadedObject> loaded(new LoadedObject());
	LIBBPF_OPTS(bpf_object_open_opts, options);
	if (!spec.types.empty())
		options.btf_custom_path = spec.types.c_str();
	loaded->object_ = bpf_object__open_file(spec.path.c_str(), &options);
	if (!loaded->object_) {
		failure = Fail(errno, "cannot open " + spec.path, &log);
		return nullptr;
	}
	bpf_object *object = loaded->object_;
	bpf_program *program = nullptr;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, false);
	for (const std::string &name : spec.programs) {
		program = bpf_object__find_program_by_name(object, name.c_str());
		if (!program) {
			failure = Fail(ENOENT, spec.path + " has no program " + name);
			return nullptr;
		}
		bpf_program__set_autoload(program, true);
	}
	for (const auto &[name, value] : spec.options) {
		if (!SetOption(object, name, value)) {
			failure = Fail(EINVAL, spec.path + " has no option " + name);
			return nullptr;
		}
	}
	for (const auto &[name, entries] : spec.mapEntries) {
		bpf_map *map = bpf_object__find_map_by_name(object, name.c_str());
		if (!map || bpf_map__set_max_entries(map, entries) != 0) {
			failure = Fail(EINVAL, spec.path + ": cannot size map " + name);
			return nullptr;
		}
	}
	for (const auto &[name, fd] : spec.reuse) {
		bpf_map *map = bpf_object__find_map_by_name(object, name.c_str());
		const int error = map ? bpf_map__reuse_fd(map, fd) : 0; // an object without that map does without it
		if (error) {
			failure = Fail(error, spec.path + ": cannot share map " + name, &log);
			return nullptr;
		}
	}
	const int error = bpf_object__load(object);
	if (error) {
		failure = Fail(error, "cannot load " + spec.path, &log);
		return nullptr;
	}
	return loaded;
}

LoadedObject::~LoadedObject()
{
	Detach();
	if (object_)
		bpf_object__close(object_);
}

bpf_program *LoadedObject::FindProgram(const std::string &name) const
{
	return bpf_object__find_program_by_name(object_, name.c_str());
}

Failure LoadedObject::Attach(const std::string &name, const std::string &cgroup)
{
	const LibbpfLog log;
	bpf_program *program = FindProgram(name);
	if (!program)
		return Fail(ENOENT, "no program " + name);
	int folder = -1;
	if (!cgroup.empty()) {
		folder = open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder < 0)
			return Fail(errno, "cannot open the cgroup " + cgroup);
	}
	bpf_link *link = folder < 0 ? bpf_program__attach(program) : bpf_program__attach_cgroup(program, folder);
	const int error = errno;
	if (folder >= 0)
		close(folder);
	if (!link)
		return Fail(error, "cannot attach " + name, &log);
	links_.emplace_back(name, link);
	bpf_link_info info = {};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &bytes) == 0)
		linkIds_.push_back(info.id);
	return {};
}

void DestroyLinks(std::vector<bpf_link *> links)
{
	while (!links.empty()) {
		bpf_link__destroy(links.back());
		links.pop_back();
	}
}

std::vector<bpf_link *> LoadedObject::TakeLinks()
{
	std::vector<bpf_link *> taken;
	for (const auto &[program, link] : std::exchange(links_, {}))
		taken.push_back(link);
	return taken;
}

std::vector<bpf_link *> LoadedObject::TakeLinks(const std::string &program)
{
	std::vector<bpf_link *> taken;
	std::erase_if(links_, [&](const auto &attached) {
		if (attached.first == program)
			taken.push_back(attached.second);
		return attached.first == program;
	});
	return taken;
}

void LoadedObject::Detach()
{
	// bpf_object__close does not detach what bpf_program__attach made
	DestroyLinks(TakeLinks());
}

Failure LoadedObject::FindMap(const std::string &name, size_t keyBytes, bpf_map *&map) const
{
	map = bpf_object__find_map_by_name(object_, name.c_str());
	if (!map)
		return Fail(ENOENT, "no map " + name);
	if (bpf_map__key_size(map) != keyBytes)
		return Fail(EINVAL, "a key of the map " + name + " has " + std::to_string(bpf_map__key_size(map)) + " bytes");
	return {};
}

Failure LoadedObject::PutEntry(const std::string &name, const std::vector<uint8_t> &key, const std::vector<uint8_t> &value)
{
	bpf_map *map = nullptr;
	if (Failure failure = FindMap(name, key.size(), map))
		return failure;
	// a per-CPU map wants a value for each CPU: this check keeps the kernel from reading behind ours
	const bpf_map_type type = bpf_map__type(map);
	if (type != BPF_MAP_TYPE_ARRAY && type != BPF_MAP_TYPE_HASH && type != BPF_MAP_TYPE_LRU_HASH)
		return Fail(EINVAL, "the map " + name + " cannot be written to");
	if (bpf_map__value_size(map) != value.size())
		return Fail(EINVAL, "a value of the map " + name + " has " + std::to_string(bpf_map__value_size(map)) + " bytes");
	if (bpf_map_update_elem(bpf_map__fd(map), key.data(), value.data(), BPF_ANY))
		return Fail(errno, "cannot write to the map " + name);
	return {};
}

Failure LoadedObject::DropEntry(const std::string &name, const std::vector<uint8_t> &key, bool &found)
{
	bpf_map *map = nullptr;
	if (Failure failure = FindMap(name, key.size(), map))
		return failure;
	found = bpf_map_delete_elem(bpf_map__fd(map), key.data()) == 0;
	return found || errno == ENOENT ? Failure{} : Fail(errno, "cannot take from the map " + name);
}

int LoadedObject::MapFd(const std::string &name) const
{
	const bpf_map *map = bpf_object__find_map_by_name(object_, name.c_str());
	return map ? bpf_map__fd(map) : -1;
}

void LoadedObject::AddIds(KernelIds &ids) const
{
	bpf_program *program = nullptr;
	bpf_object__for_each_program(program, object_) {
		bpf_prog_info info = {};
		uint32_t bytes = sizeof(info);
		const int fd = bpf_program__fd(program);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0)
			ids.programs.push_back(info.id);
	}
	bpf_map *map = nullptr;
	bpf_object__for_each_map(map, object_) {
		const uint32_t id = bpf_map__fd(map) >= 0 ? MapId(bpf_map__fd(map)) : 0;
		if (id)
			ids.maps.push_back(id);
	}
	ids.links.insert(ids.links.end(), linkIds_.begin(), linkIds_.end());
}

uint32_t MapId(int fd)
{
	bpf_map_info info = {};
	uint32_t bytes = sizeof(info);
	return bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 ? info.id : 0;
}

uint32_t KernelIds::Alive() const
{
	const auto count = [](const std::vector<uint32_t> &ids, int (*open)(__u32)) {
		uint32_t alive = 0;
		for (const uint32_t id : ids) {
			const int fd = open(id);
			alive += fd >= 0;
			if (fd >= 0)
				close(fd);
		}
		return alive;
	};
	return count(programs, bpf_prog_get_fd_by_id) + count(maps, bpf_map_get_fd_by_id) + count(links, bpf_link_get_fd_by_id);
}

std::map<std::string, uint64_t> LoadedObject::RecursionMisses() const
{
	std::map<std::string, uint64_t> misses;
	bpf_program *program = nullptr;
	bpf_object__for_each_program(program, object_) {
		const int fd = bpf_program__fd(program);
		bpf_prog_info info = {};
		uint32_t bytes = sizeof(info);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0)
			misses[bpf_program__name(program)] = info.recursion_misses;
	}
	return misses;
}

} // namespace ringtail
