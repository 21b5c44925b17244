// SPDX-License-Identifier: Apache-2.0
#include "link-watch.h"
#include "links.h"
#include "net-hooks.h"
#include "once.h"
#include "probe.h"
#include "session.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	exports.Set("Session", ringtail::Session::Define(env));
	exports.Set("LinkWatch", ringtail::LinkWatch::Define(env));
	exports.Set("facts", Napi::Function::New(env, ringtail::Facts));
	exports.Set("namedMaps", Napi::Function::New(env, ringtail::NamedMaps));
	exports.Set("pinnedMap", Napi::Function::New(env, ringtail::PinnedMap));
	exports.Set("runOnce", Napi::Function::New(env, ringtail::RunOnce));
	exports.Set("lookupUsers", Napi::Function::New(env, ringtail::LookupUsers));
	exports.Set("links", Napi::Function::New(env, ringtail::Links));
	exports.Set("xdpOn", Napi::Function::New(env, ringtail::XdpOn));
	exports.Set("filters", Napi::Function::New(env, ringtail::Filters));
	exports.Set("removeFilter", Napi::Function::New(env, ringtail::RemoveFilter));
	return exports;
}

} // namespace

NODE_API_MODULE(ringtail, Init)
