// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "objects.h"

#include <cstdint>
#include <linux/netlink.h>
#include <napi.h>
#include <string>
#include <vector>

namespace ringtail {

// A network interface of this network namespace.
struct Link {
	uint32_t index = 0;
	std::string name;
	uint32_t type = 0;  // ARPHRD_…
	std::string kind;   // veth, vlan, bond, tun, …; empty: a card, or lo
	std::string driver; // of those without a kind; empty: not known
	uint32_t mtu = 0;
	bool isUp = false;
	bool isGone = false;
};

// Driver of an Ethernet card.
std::string DriverOf(int socket, const std::string &name);
// False: the message tells of no interface, or of a port of a bridge.
bool ReadLink(const nlmsghdr &message, Link &link);
Napi::Object ObjectOf(Napi::Env env, const Link &link);

// links(): all there are, a promise.
Napi::Value Links(const Napi::CallbackInfo &info);

} // namespace ringtail
