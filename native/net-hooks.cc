// SPDX-License-Identifier: Apache-2.0
#include "net-hooks.h"

#include "net-filters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <linux/if_link.h>
#include <unistd.h>

namespace ringtail {

namespace {

// Newer than the headers that this is compiled with: enum bpf_attach_type, and the flags of its lists of programs (Linux 6.6).
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr uint32_t kBefore = 1U << 3;

const char *NameOf(HookKind kind)
{
	switch (kind) {
	case HookKind::Xdp:
		return "xdp";
	case HookKind::XdpGeneric:
		return "xdp_generic";
	case HookKind::Tcx:
		return "tcx";
	default:
		return "clsact";
	}
}

} // namespace

std::unique_ptr<NetHook> NetHook::Attach(int programFd, const HookSpec &spec, Failure &failure)
{
	const LibbpfLog log;
	std::unique_ptr<NetHook> hook(new NetHook());
	hook->spec_ = spec;
	const int error = spec.kind == HookKind::Clsact ? hook->AttachFilter(programFd) : hook->AttachLink(programFd);
	if (!error)
		return hook;
	failure = {error, std::string("cannot attach by ") + NameOf(spec.kind), log.Tail()};
	return nullptr;
}

int NetHook::AttachLink(int programFd)
{
	LIBBPF_OPTS(bpf_link_create_opts, options);
	const auto ifindex = static_cast<int>(spec_.ifindex);
	if (spec_.kind == HookKind::Tcx) {
		options.flags = kBefore; // what others drop has arrived, too
		linkFd_ = bpf_link_create(programFd, ifindex, kTcxIngress, &options);
	} else {
		options.flags = spec_.kind == HookKind::Xdp ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
		linkFd_ = bpf_link_create(programFd, ifindex, BPF_XDP, &options);
	}
	return linkFd_ < 0 ? -linkFd_ : 0;
}

int NetHook::AttachFilter(int programFd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(spec_.ifindex), .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = programFd, .handle = spec_.handle, .priority = spec_.priority);
	const int made = bpf_tc_hook_create(&hook);
	if (made && made != -EEXIST)
		return -made;
	madeQdisc_ = !made;
	const int error = bpf_tc_attach(&hook, &options);
	if (error && madeQdisc_)
		RemoveQdiscWhenEmpty(spec_.ifindex);
	hasFilter_ = !error;
	program_ = options.prog_id;
	return -error;
}

void NetHook::RemoveFilter() const
{
	const LibbpfLog log; // an interface may be gone, and its filters with it
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(spec_.ifindex), .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = spec_.handle, .priority = spec_.priority);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = spec_.handle, .priority = spec_.priority);
	if (bpf_tc_query(&hook, &found) || found.prog_id != program_)
		return; // another one's by now
	bpf_tc_detach(&hook, &options);
	if (madeQdisc_)
		RemoveQdiscWhenEmpty(spec_.ifindex);
}

NetHook::~NetHook()
{
	if (linkFd_ >= 0)
		close(linkFd_);
	if (hasFilter_)
		RemoveFilter();
}

uint32_t NetHook::LinkId() const
{
	bpf_link_info info = {};
	uint32_t bytes = sizeof(info);
	return linkFd_ >= 0 && bpf_obj_get_info_by_fd(linkFd_, &info, &bytes) == 0 ? info.id : 0;
}

} // namespace ringtail
