// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "objects.h"

#include <cstdint>
#include <memory>
#include <napi.h>

namespace ringtail {

enum class HookKind { Xdp, XdpGeneric, Tcx, Clsact };

struct HookSpec {
	HookKind kind = HookKind::Tcx;
	uint32_t ifindex = 0;
	uint32_t handle = 0, priority = 0; // of the filter, with clsact
};

// A program on an interface. It never takes the place of another one.
class NetHook {
public:
	static std::unique_ptr<NetHook> Attach(int programFd, const HookSpec &spec, Failure &failure);
	// Takes it away: a filter by name, the qdisc too when this one made it and nobody else uses it.
	~NetHook();
	NetHook(const NetHook &) = delete;
	NetHook &operator=(const NetHook &) = delete;
	// 0: it has none.
	uint32_t LinkId() const;

private:
	NetHook() = default;
	int AttachLink(int programFd);
	int AttachFilter(int programFd);
	void RemoveFilter() const;

	HookSpec spec_;
	int linkFd_ = -1;
	uint32_t program_ = 0; // number of the filter's
	bool hasFilter_ = false;
	bool madeQdisc_ = false;
};

// xdpOn(ifindex): `{ mode, id, name }` of the XDP program there, undefined without one; name is empty when the kernel does not tell it. A promise.
Napi::Value XdpOn(const Napi::CallbackInfo &info);
// filters(): `{ ifindex, handle, priority, id, name }` of all BPF filters for what arrives at interfaces. A promise.
Napi::Value Filters(const Napi::CallbackInfo &info);
// removeFilter({ ifindex, handle, priority }): a promise.
Napi::Value RemoveFilter(const Napi::CallbackInfo &info);

} // namespace ringtail
