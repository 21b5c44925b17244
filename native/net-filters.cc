// SPDX-License-Identifier: Apache-2.0
// What traffic control has on interfaces, and what XDP has there.
#include "net-filters.h"

#include "net-hooks.h"
#include "netlink.h"
#include "work.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringtail {

namespace {

struct XdpProgram {
	std::string mode, name;
	uint32_t id = 0;
};

void ReadFilter(const nlmsghdr &message, std::vector<NetFilter> &filters, uint32_t &all)
{
	if (message.nlmsg_type != RTM_NEWTFILTER || message.nlmsg_len < NLMSG_LENGTH(sizeof(tcmsg)))
		return;
	const auto &head = *static_cast<const tcmsg *>(NLMSG_DATA(&message));
	NetFilter filter;
	std::string kind;
	filter.ifindex = static_cast<uint32_t>(head.tcm_ifindex);
	filter.handle = head.tcm_handle;
	filter.priority = TC_H_MAJ(head.tcm_info) >> 16;
	ForEachAttribute(message, sizeof(head), [&](uint16_t type, const void *data, size_t bytes) {
		if (type == TCA_KIND)
			kind = TextOf(data, bytes);
		if (type != TCA_OPTIONS)
			return;
		ForEachAttribute(data, bytes, [&](uint16_t inner, const void *value, size_t length) {
			if (inner == TCA_BPF_NAME)
				filter.name = TextOf(value, length);
			if (inner == TCA_BPF_ID)
				filter.id = NumberOf(value, length);
		});
	});
	if (!filter.handle)
		return; // tells of the list and not of a filter in it
	all++;
	if (kind == "bpf")
		filters.push_back(std::move(filter));
}

Failure FindXdp(uint32_t ifindex, XdpProgram &program)
{
	const LibbpfLog log;
	LIBBPF_OPTS(bpf_xdp_query_opts, found);
	const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &found);
	if (error)
		return {-error, "cannot ask for the XDP program of an interface", log.Tail()};
	const bool isGeneric = found.attach_mode == XDP_ATTACHED_SKB || (found.attach_mode == XDP_ATTACHED_MULTI && !found.drv_prog_id);
	if (found.attach_mode == XDP_ATTACHED_NONE)
		return {};
	program.mode = found.attach_mode == XDP_ATTACHED_HW ? "offloaded" : isGeneric ? "generic" : "native";
	program.id = found.prog_id ? found.prog_id : isGeneric ? found.skb_prog_id : found.drv_prog_id;
	const int fd = bpf_prog_get_fd_by_id(program.id);
	bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0)
		program.name = info.name;
	if (fd >= 0)
		close(fd);
	return {};
}

bool ReadIndex(Napi::Env env, const Napi::Value &value, uint32_t &index)
{
	if (value.IsNumber())
		index = value.As<Napi::Number>().Uint32Value();
	else
		ThrowType(env, "expected the index of an interface");
	return value.IsNumber();
}

} // namespace

int ListFilters(uint32_t ifindex, uint32_t direction, std::vector<NetFilter> &filters, uint32_t &all)
{
	Netlink netlink;
	tcmsg request = {};
	request.tcm_family = AF_UNSPEC;
	request.tcm_ifindex = static_cast<int>(ifindex);
	request.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction);
	const int error = netlink.Open(0);
	if (error)
		return error;
	return netlink.Dump(RTM_GETTFILTER, &request, sizeof(request), [&](const nlmsghdr &message) { ReadFilter(message, filters, all); });
}

int ListAllFilters(std::vector<NetFilter> &filters)
{
	Netlink netlink;
	tcmsg request = {};
	std::vector<uint32_t> interfaces;
	int error = netlink.Open(0);
	const auto each = [&](const nlmsghdr &message) {
		if (message.nlmsg_type != RTM_NEWQDISC || message.nlmsg_len < NLMSG_LENGTH(sizeof(tcmsg)))
			return;
		const auto &head = *static_cast<const tcmsg *>(NLMSG_DATA(&message));
		ForEachAttribute(message, sizeof(head), [&](uint16_t type, const void *data, size_t bytes) {
			const std::string kind = type == TCA_KIND ? TextOf(data, bytes) : "";
			if (kind == "clsact" || kind == "ingress")
				interfaces.push_back(static_cast<uint32_t>(head.tcm_ifindex));
		});
	};
	if (!error)
		error = netlink.Dump(RTM_GETQDISC, &request, sizeof(request), each);
	uint32_t all = 0;
	for (const uint32_t ifindex : interfaces) {
		if (!error)
			ListFilters(ifindex, TC_H_MIN_INGRESS, filters, all); // else it went away meanwhile
	}
	return error;
}

void RemoveQdiscWhenEmpty(uint32_t ifindex)
{
	std::vector<NetFilter> filters;
	uint32_t all = 0;
	for (const uint32_t direction : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
		if (ListFilters(ifindex, direction, filters, all) || all)
			return;
	}
	const LibbpfLog log;
	LIBBPF_OPTS(bpf_tc_hook, both, .ifindex = static_cast<int>(ifindex),
		.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
	bpf_tc_hook_destroy(&both);
}

Napi::Value XdpOn(const Napi::CallbackInfo &info)
{
	uint32_t ifindex = 0;
	if (!ReadIndex(info.Env(), info[0], ifindex))
		return info.Env().Undefined();
	return Work<XdpProgram>::Begin(
		info.Env(), [ifindex](XdpProgram &program) { return FindXdp(ifindex, program); },
		[](Napi::Env env, const XdpProgram &program) -> Napi::Value {
			if (program.mode.empty())
				return env.Undefined();
			auto out = Napi::Object::New(env);
			out.Set("mode", program.mode);
			out.Set("id", program.id);
			out.Set("name", program.name);
			return out;
		});
}

Napi::Value Filters(const Napi::CallbackInfo &info)
{
	const auto run = [](std::vector<NetFilter> &filters) {
		const int error = ListAllFilters(filters);
		return error ? Failure{error, "cannot list the filters of traffic control", ""} : Failure{};
	};
	return Work<std::vector<NetFilter>>::Begin(info.Env(), run, [](Napi::Env env, const std::vector<NetFilter> &filters) -> Napi::Value {
		auto list = Napi::Array::New(env, filters.size());
		for (uint32_t i = 0; i < filters.size(); i++) {
			auto out = Napi::Object::New(env);
			out.Set("ifindex", filters[i].ifindex);
			out.Set("handle", filters[i].handle);
			out.Set("priority", filters[i].priority);
			out.Set("id", filters[i].id);
			out.Set("name", filters[i].name);
			list.Set(i, out);
		}
		return list;
	});
}

Napi::Value RemoveFilter(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!info[0].IsObject()) {
		ThrowType(env, "removeFilter: expected { ifindex, handle, priority }");
		return env.Undefined();
	}
	const auto which = info[0].As<Napi::Object>();
	const uint32_t ifindex = NumberOr(which, "ifindex", 0), handle = NumberOr(which, "handle", 0), priority = NumberOr(which, "priority", 0);
	const auto run = [=](bool &) {
		const LibbpfLog log;
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex), .attach_point = BPF_TC_INGRESS);
		LIBBPF_OPTS(bpf_tc_opts, options, .handle = handle, .priority = priority);
		const int error = bpf_tc_detach(&hook, &options);
		return error ? Failure{-error, "cannot remove a filter of traffic control", log.Tail()} : Failure{};
	};
	return Work<bool>::Begin(env, run, [](Napi::Env on, bool &) -> Napi::Value { return on.Undefined(); });
}

} // namespace ringtail
