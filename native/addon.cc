// SPDX-License-Identifier: Apache-2.0
#include "probe.h"
#include "session.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	exports.Set("Session", ringtail::Session::Define(env));
	exports.Set("facts", Napi::Function::New(env, ringtail::Facts));
	exports.Set("lookupUsers", Napi::Function::New(env, ringtail::LookupUsers));
	return exports;
}

} // namespace

NODE_API_MODULE(ringtail, Init)
