// SPDX-License-Identifier: Apache-2.0
// The BPF objects of a session: load, attach, detach, and the entries of their maps.
#include "session.h"

#include "values.h"

#include <cerrno>

namespace ringtail {

namespace {

class Detaching : public Napi::AsyncWorker {
public:
	Detaching(Napi::Env env, std::vector<bpf_link *> links)
		: Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), links_(std::move(links))
	{
	}
	Napi::Promise Promise() const { return promise_.Promise(); }

protected:
	void Execute() override { DestroyLinks(std::move(links_)); }
	void OnOK() override { promise_.Resolve(Env().Undefined()); }

private:
	Napi::Promise::Deferred promise_;
	std::vector<bpf_link *> links_;
};

} // namespace

LoadedObject *Session::ObjectAt(const Napi::CallbackInfo &info)
{
	if (!IsOpen(info.Env()))
		return nullptr;
	const auto found = info[0].IsNumber() ? objects_.find(info[0].As<Napi::Number>().Uint32Value()) : objects_.end();
	if (found == objects_.end()) {
		ThrowType(info.Env(), "no object of this number is loaded");
		return nullptr;
	}
	return found->second.get();
}

Napi::Value Session::LoadObject(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	ObjectSpec spec;
	if (!IsOpen(env) || !ReadSpec(env, info[0], spec))
		return env.Undefined();
	if (memory_) {
		Throw(env, {EINVAL, "a session over a memory ring loads no objects", ""});
		return env.Undefined();
	}
	if (ringFd_ >= 0)
		spec.reuse = {{"events", ringFd_}, {"counters", countersFd_}};
	if (!ShareMaps(env, info[0].As<Napi::Object>().Get("share"), spec))
		return env.Undefined();
	Failure failure;
	std::unique_ptr<LoadedObject> object = LoadedObject::Load(spec, failure);
	if (!object) {
		Throw(env, failure);
		return env.Undefined();
	}
	const uint32_t number = nextObject_++;
	objects_[number] = std::move(object);
	return Napi::Number::New(env, number);
}

// `{ from: object, maps: names }`: maps of another object that this one uses as its own.
bool Session::ShareMaps(Napi::Env env, const Napi::Value &share, ObjectSpec &spec)
{
	if (share.IsUndefined())
		return true;
	std::vector<std::string> names;
	if (!share.IsObject() || !share.As<Napi::Object>().Get("from").IsNumber()) {
		ThrowType(env, "object: share is { from, maps }");
		return false;
	}
	const auto from = objects_.find(share.As<Napi::Object>().Get("from").As<Napi::Number>().Uint32Value());
	if (from == objects_.end()) {
		ThrowType(env, "no object of this number is loaded");
		return false;
	}
	if (!ReadStrings(env, share.As<Napi::Object>().Get("maps"), names))
		return false;
	for (const std::string &name : names) {
		const int fd = from->second->MapFd(name);
		if (fd < 0) {
			Throw(env, {ENOENT, "no map " + name, ""});
			return false;
		}
		spec.reuse[name] = fd;
	}
	return true;
}

void Session::Attach(const Napi::CallbackInfo &info)
{
	LoadedObject *object = ObjectAt(info);
	std::string program, cgroup;
	if (!object || !ReadString(info.Env(), info[1], program) || (!info[2].IsUndefined() && !ReadString(info.Env(), info[2], cgroup)))
		return;
	if (const Failure failure = object->Attach(program, cgroup))
		Throw(info.Env(), failure);
}

// A promise: a busy kernel takes seconds to let go of a tracepoint, and the pipeline goes on meanwhile. One program, or all.
Napi::Value Session::Detach(const Napi::CallbackInfo &info)
{
	LoadedObject *object = ObjectAt(info);
	std::string program;
	if (!object || (!info[1].IsUndefined() && !ReadString(info.Env(), info[1], program)))
		return info.Env().Undefined();
	auto *detaching = new Detaching(info.Env(), info[1].IsUndefined() ? object->TakeLinks() : object->TakeLinks(program)); // deletes itself
	detaching->Queue();
	return detaching->Promise();
}

void Session::Unload(const Napi::CallbackInfo &info)
{
	if (ObjectAt(info))
		objects_.erase(info[0].As<Napi::Number>().Uint32Value());
}

Napi::Value Session::RecursionMisses(const Napi::CallbackInfo &info)
{
	const auto out = Napi::Object::New(info.Env());
	if (const LoadedObject *object = ObjectAt(info)) {
		for (const auto &[name, misses] : object->RecursionMisses())
			out.Set(name, Napi::Number::New(info.Env(), static_cast<double>(misses)));
	}
	return out;
}

void Session::PutEntry(const Napi::CallbackInfo &info)
{
	std::string map;
	std::vector<uint8_t> key, value;
	LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(info.Env(), info[1], map) || !ReadBytes(info.Env(), info[2], key) || !ReadBytes(info.Env(), info[3], value))
		return;
	if (const Failure failure = object->PutEntry(map, key, value))
		Throw(info.Env(), failure);
}

// True when there was such an entry.
Napi::Value Session::DropEntry(const Napi::CallbackInfo &info)
{
	std::string map;
	std::vector<uint8_t> key;
	bool found = false;
	LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(info.Env(), info[1], map) || !ReadBytes(info.Env(), info[2], key))
		return info.Env().Undefined();
	if (const Failure failure = object->DropEntry(map, key, found))
		Throw(info.Env(), failure);
	return Napi::Boolean::New(info.Env(), found);
}

Napi::Value Session::ReadEntries(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map;
	MapEntries entries;
	std::vector<EntryMatch> matches;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map) || !ReadMatches(env, info[2], matches))
		return env.Undefined();
	if (const Failure failure = object->ReadEntries(map, entries, matches)) {
		Throw(env, failure);
		return env.Undefined();
	}
	return EntriesOf(env, entries);
}

Napi::Value Session::TakeEntry(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map;
	std::vector<uint8_t> key, value;
	bool found = false;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map) || !ReadBytes(env, info[2], key))
		return env.Undefined();
	if (const Failure failure = object->TakeEntry(map, key, value, found))
		Throw(env, failure);
	return found ? Napi::Value(Napi::Buffer<uint8_t>::Copy(env, value.data(), value.size())) : env.Undefined();
}

} // namespace ringtail
