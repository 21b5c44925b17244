// SPDX-License-Identifier: Apache-2.0
// Maps that add up, read off the main thread.
#include "session.h"

#include "map-sums.h"
#include "values.h"

#include <algorithm>

namespace ringtail {

namespace {

class Summing : public Napi::AsyncWorker {
public:
	Summing(Napi::Env env, MapSums reading) : Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), reading_(std::move(reading)) {}
	Napi::Promise Promise() const { return promise_.Promise(); }

protected:
	void Execute() override { failure_ = reading_.Run(sums_); }
	void OnOK() override
	{
		const Napi::Env env = Env();
		if (failure_) {
			promise_.Reject(ErrorOf(env, failure_).Value());
			return;
		}
		const auto out = Napi::Object::New(env);
		auto doubles = Napi::Float64Array::New(env, sums_.sums.size());
		std::copy(sums_.sums.begin(), sums_.sums.end(), doubles.Data());
		out.Set("count", Napi::Number::New(env, sums_.count));
		out.Set("keyBytes", Napi::Number::New(env, sums_.keyBytes));
		out.Set("keys", Napi::Buffer<uint8_t>::Copy(env, sums_.keys.data(), sums_.keys.size()));
		out.Set("words", Napi::Number::New(env, sums_.words));
		out.Set("sums", doubles);
		out.Set("missed", Napi::Number::New(env, sums_.missed));
		promise_.Resolve(out);
	}

private:
	Napi::Promise::Deferred promise_;
	MapSums reading_;
	Sums sums_;
	Failure failure_;
};

Napi::Value Begin(Napi::Env env, MapSums reading)
{
	auto *summing = new Summing(env, std::move(reading)); // deletes itself
	summing->Queue();
	return summing->Promise();
}

} // namespace

Napi::Value Session::ReadSums(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map;
	MapSums reading;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map))
		return env.Undefined();
	if (const Failure failure = MapSums::Open(*object, map, reading)) {
		Throw(env, failure);
		return env.Undefined();
	}
	return Begin(env, std::move(reading));
}

Napi::Value Session::TakeSums(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string map;
	std::vector<uint8_t> keys;
	MapSums reading;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], map) || !ReadBytes(env, info[2], keys))
		return env.Undefined();
	if (const Failure failure = MapSums::OpenTake(*object, map, std::move(keys), reading)) {
		Throw(env, failure);
		return env.Undefined();
	}
	return Begin(env, std::move(reading));
}

} // namespace ringtail
