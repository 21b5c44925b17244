// SPDX-License-Identifier: Apache-2.0
// Programs of a session on network interfaces; off the main thread, for the kernel may be busy with its interfaces, and a card with its queues.
#include "session.h"

#include "values.h"
#include "work.h"

#include <bpf/libbpf.h>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace ringtail {

namespace {

std::optional<HookKind> KindOf(const std::string &name)
{
	if (name == "xdp")
		return HookKind::Xdp;
	if (name == "xdp_generic")
		return HookKind::XdpGeneric;
	if (name == "tcx")
		return HookKind::Tcx;
	if (name == "clsact")
		return HookKind::Clsact;
	return {};
}

bool ReadHook(Napi::Env env, const Napi::Value &value, HookSpec &spec)
{
	std::string kind;
	if (!value.IsObject()) {
		ThrowType(env, "attachHook: expected { kind, ifindex, handle?, priority? }");
		return false;
	}
	const auto from = value.As<Napi::Object>();
	if (!ReadString(env, from.Get("kind"), kind))
		return false;
	const std::optional<HookKind> known = KindOf(kind);
	if (!known) {
		ThrowType(env, "attachHook: kind is xdp, xdp_generic, tcx or clsact");
		return false;
	}
	spec.kind = *known;
	spec.ifindex = NumberOr(from, "ifindex", 0);
	spec.handle = NumberOr(from, "handle", 0);
	spec.priority = NumberOr(from, "priority", 0);
	return true;
}

} // namespace

// A promise of the number of the hook.
Napi::Value Session::AttachHook(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	std::string name;
	HookSpec spec;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], name) || !ReadHook(env, info[2], spec))
		return env.Undefined();
	const bpf_program *program = object->FindProgram(name);
	const int fd = program ? fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3) : -1;
	if (fd < 0) {
		Throw(env, {ENOENT, "no program " + name + " is loaded", ""});
		return env.Undefined();
	}
	// the session stays until this is over
	const auto self = std::make_shared<Napi::ObjectReference>(Napi::Persistent(info.This().As<Napi::Object>()));
	const auto run = [fd, spec](std::unique_ptr<NetHook> &hook) {
		Failure failure;
		hook = NetHook::Attach(fd, spec, failure);
		close(fd);
		return failure;
	};
	return Work<std::unique_ptr<NetHook>>::Begin(env, run, [this, self](Napi::Env on, std::unique_ptr<NetHook> &hook) -> Napi::Value {
		if (!open_)
			return on.Undefined(); // and it is detached
		const uint32_t number = nextHook_++;
		hooks_[number] = std::move(hook);
		return Napi::Number::New(on, number);
	});
}

// A promise; one that is not there is no error.
Napi::Value Session::DetachHook(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!info[0].IsNumber()) {
		ThrowType(env, "detachHook: expected a number");
		return env.Undefined();
	}
	const auto taken = std::make_shared<std::unique_ptr<NetHook>>();
	const auto found = hooks_.find(info[0].As<Napi::Number>().Uint32Value());
	if (found != hooks_.end()) {
		if (found->second->LinkId())
			ids_.links.push_back(found->second->LinkId());
		*taken = std::move(found->second);
		hooks_.erase(found);
	}
	const auto run = [taken](bool &) {
		taken->reset();
		return Failure{};
	};
	return Work<bool>::Begin(env, run, [](Napi::Env on, bool &) -> Napi::Value { return on.Undefined(); });
}

} // namespace ringtail
