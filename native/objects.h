// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct bpf_object;
struct bpf_link;
struct bpf_map;
struct bpf_program;

namespace ringtail {

// What went wrong, in words, with the errno and the tail of what libbpf and the verifier said.
struct Failure {
	int error = 0; // errno; 0 = nothing went wrong
	std::string what;
	std::string log;
	explicit operator bool() const { return error != 0; }
};

struct ObjectSpec {
	std::string path;
	std::string types;      // file with the kernel's types as far as the object needs them; empty: the kernel's own
	std::vector<std::string> programs;           // all others stay unloaded
	std::map<std::string, uint64_t> options;     // `const volatile` globals; a name that the object does not have is an error
	std::map<std::string, uint32_t> mapEntries;
	std::map<std::string, int> reuse;            // map name → descriptor
};

// Entries of a map, keys and values one behind the other; a value of a per-CPU map is one for each CPU, each rounded up to 8 bytes.
struct MapEntries {
	uint32_t count = 0;
	uint32_t keyBytes = 0;
	uint32_t valueBytes = 0;
	std::vector<uint8_t> keys, values;
};

// An entry whose value has these bytes at this offset.
struct EntryMatch {
	uint32_t offset = 0;
	std::vector<uint8_t> bytes;
};

// All entries of a map that match one of these; without any: all. `keyBytes` and `valueBytes` are those of the map. Returns 0 or errno.
int ReadEntriesOf(int fd, MapEntries &entries, const std::vector<EntryMatch> &matches);

// What the kernel knows of us, by number; it frees programs and maps some time after the last descriptor was closed.
struct KernelIds {
	std::vector<uint32_t> programs, maps, links;
	// How many of these are still there.
	uint32_t Alive() const;
};

// Last in, first out: while the links go one by one, nothing is told of a process whose beginning is no longer told.
void DestroyLinks(std::vector<bpf_link *> links);

// Number of the map behind a descriptor, 0 when it cannot be told.
uint32_t MapId(int fd);

// One loaded BPF object with its links. Closing it detaches and frees everything.
class LoadedObject {
public:
	static std::unique_ptr<LoadedObject> Load(const ObjectSpec &spec, Failure &failure);
	~LoadedObject();
	LoadedObject(const LoadedObject &) = delete;
	LoadedObject &operator=(const LoadedObject &) = delete;

	// Where the program says, or to the cgroup of this folder.
	Failure Attach(const std::string &program, const std::string &cgroup = "");
	// Null when there is none; it stays the object's.
	bpf_program *FindProgram(const std::string &name) const;
	// Runs an iterator program to its end and keeps what it writes, at most `most` bytes: the rest is left out.
	Failure ReadIterator(const std::string &program, size_t most, std::vector<uint8_t> &output) const;
	void Detach();
	// Hands the links to the caller, who destroys them with DestroyLinks; on any thread, for the kernel may take seconds.
	std::vector<bpf_link *> TakeLinks();
	// The same for the links of one program; none when it is not attached.
	std::vector<bpf_link *> TakeLinks(const std::string &program);
	// One entry of a map that the object brought, not of a per-CPU one; key and value must have the sizes of the map.
	Failure PutEntry(const std::string &map, const std::vector<uint8_t> &key, const std::vector<uint8_t> &value);
	// False in `found` when there was no such entry.
	Failure DropEntry(const std::string &map, const std::vector<uint8_t> &key, bool &found);
	// All entries of a hash, or of a per-CPU array or hash; what is added meanwhile may be missing, what stays is there.
	Failure ReadEntries(const std::string &map, MapEntries &entries, const std::vector<EntryMatch> &matches = {}) const;
	// Reads one entry and takes it out, in one step where the kernel can. False in `found` when there was no such entry.
	Failure TakeEntry(const std::string &map, const std::vector<uint8_t> &key, std::vector<uint8_t> &value, bool &found) const;
	// Descriptor of a map of the object, -1 when there is none; it stays the object's.
	int MapFd(const std::string &map) const;
	void AddIds(KernelIds &ids) const;
	// Runs that the kernel skipped because a program was already running on that CPU.
	std::map<std::string, uint64_t> RecursionMisses() const;

private:
	LoadedObject() = default;
	Failure FindMap(const std::string &name, size_t keyBytes, bpf_map *&map) const;
	bpf_object *object_ = nullptr;
	std::vector<std::pair<std::string, bpf_link *>> links_; // by program, in the order in which they were attached
	std::vector<uint32_t> linkIds_; // also of links that are gone
};

// Keeps the newest part of what libbpf prints on this thread.
class LibbpfLog {
public:
	LibbpfLog();
	~LibbpfLog();
	std::string Tail() const;
	static void Install();
};

} // namespace ringtail
