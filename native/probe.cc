// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include "objects.h"
#include "values.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <sys/utsname.h>
#include <unistd.h>

namespace ringtail {

namespace {

// -1 when there is none of this name.
int EnumValue(const btf *types, const char *enumeration, const std::string &name)
{
	const int id = btf__find_by_name_kind(types, enumeration, BTF_KIND_ENUM);
	if (id < 0)
		return -1;
	const btf_type *type = btf__type_by_id(types, static_cast<uint32_t>(id));
	const struct btf_enum *value = ::btf_enum(type);
	for (uint32_t i = 0; i < btf_vlen(type); i++, value++) {
		if (name == btf__name_by_offset(types, value->name_off))
			return value->val;
	}
	return -1;
}

// Arguments of a tracepoint as tp_btf programs see them; -1 when the kernel does not have it.
int TraceArguments(const btf *types, const std::string &tracepoint)
{
	const int id = btf__find_by_name_kind(types, ("btf_trace_" + tracepoint).c_str(), BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	const btf_type *type = btf__type_by_id(types, static_cast<uint32_t>(id));
	type = btf__type_by_id(types, type->type);            // pointer
	type = type ? btf__type_by_id(types, type->type) : nullptr; // prototype; its first parameter is not an argument
	return type && btf_is_func_proto(type) ? btf_vlen(type) - 1 : -1;
}

int RingBufferError()
{
	const int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, static_cast<uint32_t>(sysconf(_SC_PAGESIZE)), nullptr);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -fd : 0;
}

} // namespace

Napi::Value Facts(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!info[0].IsObject()) {
		ThrowType(env, "facts: expected { functions, helpers, tracepoints, controllers }");
		return env.Undefined();
	}
	LibbpfLog log;
	const auto wanted = info[0].As<Napi::Object>();
	std::vector<std::string> functionNames, helperNames, traceNames, controllerNames;
	if (!ReadStrings(env, wanted.Get("functions"), functionNames) || !ReadStrings(env, wanted.Get("helpers"), helperNames) ||
		!ReadStrings(env, wanted.Get("tracepoints"), traceNames) || !ReadStrings(env, wanted.Get("controllers"), controllerNames))
		return env.Undefined();
	btf *types = btf__load_vmlinux_btf();
	auto out = Napi::Object::New(env), functions = Napi::Object::New(env), helpers = Napi::Object::New(env), traces = Napi::Object::New(env);
	for (const std::string &name : functionNames)
		functions.Set(name, Napi::Boolean::New(env, types && btf__find_by_name_kind(types, name.c_str(), BTF_KIND_FUNC) > 0));
	for (const std::string &name : helperNames)
		helpers.Set(name, Napi::Boolean::New(env, types && EnumValue(types, "bpf_func_id", "BPF_FUNC_" + name) >= 0));
	for (const std::string &name : traceNames)
		traces.Set(name, Napi::Number::New(env, types ? TraceArguments(types, name) : -1));
	auto controllers = Napi::Object::New(env);
	for (const std::string &name : controllerNames)
		controllers.Set(name, Napi::Number::New(env, types ? EnumValue(types, "cgroup_subsys_id", name + "_cgrp_id") : -1));
	utsname machine = {};
	uname(&machine);
	const int ringError = RingBufferError();
	const char *ringCode = ringError ? strerrorname_np(ringError) : "";
	out.Set("release", machine.release);
	out.Set("machine", machine.machine);
	out.Set("btf", Napi::Boolean::New(env, types != nullptr));
	out.Set("ringBufferError", Napi::String::New(env, ringCode ? ringCode : "EUNKNOWN"));
	out.Set("possibleCpus", Napi::Number::New(env, libbpf_num_possible_cpus()));
	out.Set("functions", functions);
	out.Set("helpers", helpers);
	out.Set("traceArguments", traces);
	out.Set("controllers", controllers);
	btf__free(types);
	return out;
}

} // namespace ringtail
