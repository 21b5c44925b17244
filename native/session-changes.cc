// SPDX-License-Identifier: Apache-2.0
// Many entries of the maps of a session's objects, changed off the main thread.
#include "session.h"

#include "map-change.h"
#include "values.h"

namespace ringtail {

namespace {

class Changing : public Napi::AsyncWorker {
public:
	Changing(Napi::Env env, MapChange change) : Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), change_(std::move(change)) {}
	Napi::Promise Promise() const { return promise_.Promise(); }

protected:
	void Execute() override { failure_ = change_.Apply(); }
	void OnOK() override
	{
		if (failure_)
			promise_.Reject(ErrorOf(Env(), failure_).Value());
		else
			promise_.Resolve(Env().Undefined());
	}

private:
	Napi::Promise::Deferred promise_;
	MapChange change_;
	Failure failure_;
};

Napi::Value Begin(Napi::Env env, MapChange change)
{
	auto *changing = new Changing(env, std::move(change)); // deletes itself
	changing->Queue();
	return changing->Promise();
}

} // namespace

Napi::Value Session::PutEntries(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map;
	std::vector<uint8_t> keys, values;
	MapChange change;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map) || !ReadBytes(env, info[2], keys) || !ReadBytes(env, info[3], values))
		return env.Undefined();
	if (const Failure failure = MapChange::Put(*object, map, std::move(keys), std::move(values), change)) {
		Throw(env, failure);
		return env.Undefined();
	}
	return Begin(env, std::move(change));
}

Napi::Value Session::DropEntries(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map;
	std::vector<uint8_t> keys;
	MapChange change;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map) || !ReadBytes(env, info[2], keys))
		return env.Undefined();
	if (const Failure failure = MapChange::Drop(*object, map, std::move(keys), change)) {
		Throw(env, failure);
		return env.Undefined();
	}
	return Begin(env, std::move(change));
}

Napi::Value Session::SwapInner(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map;
	std::vector<uint8_t> value;
	MapChange change;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map) || (!info[2].IsUndefined() && !ReadBytes(env, info[2], value)))
		return env.Undefined();
	if (const Failure failure = MapChange::Swap(*object, map, value, change)) {
		Throw(env, failure);
		return env.Undefined();
	}
	if (const uint32_t id = change.InnerId())
		ids_.maps.push_back(id);
	return Begin(env, std::move(change));
}

Napi::Value Session::UsePinned(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map, path;
	MapChange change;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map) || (!info[2].IsUndefined() && !ReadString(env, info[2], path)))
		return env.Undefined();
	if (const Failure failure = MapChange::Use(*object, map, path, change)) {
		Throw(env, failure);
		return env.Undefined();
	}
	return Begin(env, std::move(change));
}

} // namespace ringtail
