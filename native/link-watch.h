// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "netlink.h"

#include <memory>
#include <napi.h>
#include <thread>

namespace ringtail {

// Tells of network interfaces of this network namespace as they come, change and go, from a thread of its own: `new LinkWatch(onChange)`. `onChange`
// gets a list of what changed, in its order; null when some of it was lost and all must be listed anew.
class LinkWatch : public Napi::ObjectWrap<LinkWatch> {
public:
	static Napi::Function Define(Napi::Env env);
	explicit LinkWatch(const Napi::CallbackInfo &info);
	~LinkWatch() override;

private:
	void Close(const Napi::CallbackInfo &info);
	void Run();
	void Stop();
	static void OnEnvironmentEnd(void *self);
	static void OnChange(napi_env env, napi_value callback, void *context, void *data);

	napi_env env_;
	Netlink netlink_;
	int stopFd_ = -1;
	napi_threadsafe_function deliver_ = nullptr;
	std::thread thread_;
};

} // namespace ringtail
