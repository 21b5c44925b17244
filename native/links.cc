// SPDX-License-Identifier: Apache-2.0
#include "links.h"

#include "netlink.h"
#include "work.h"

#include <cerrno>
#include <cstring>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringtail {

namespace {

Failure ListLinks(std::vector<Link> &links)
{
	Netlink netlink;
	ifinfomsg request = {};
	int error = netlink.Open(0);
	const auto each = [&](const nlmsghdr &message) {
		Link link;
		if (ReadLink(message, link) && !link.isGone)
			links.push_back(std::move(link));
	};
	if (!error)
		error = netlink.Dump(RTM_GETLINK, &request, sizeof(request), each);
	return error ? Failure{error, "cannot list the network interfaces", ""} : Failure{};
}

} // namespace

std::string DriverOf(int socket, const std::string &name)
{
	ethtool_drvinfo driver = {};
	ifreq request = {};
	driver.cmd = ETHTOOL_GDRVINFO;
	std::strncpy(request.ifr_name, name.c_str(), sizeof(request.ifr_name) - 1);
	request.ifr_data = reinterpret_cast<char *>(&driver);
	return ioctl(socket, SIOCETHTOOL, &request) ? std::string() : TextOf(driver.driver, sizeof(driver.driver));
}

bool ReadLink(const nlmsghdr &message, Link &link)
{
	if ((message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) || message.nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg)))
		return false;
	const auto &info = *static_cast<const ifinfomsg *>(NLMSG_DATA(&message));
	if (info.ifi_family != AF_UNSPEC) // a bridge tells of its ports by the same messages
		return false;
	link.index = static_cast<uint32_t>(info.ifi_index);
	link.type = info.ifi_type;
	link.isUp = info.ifi_flags & IFF_UP;
	link.isGone = message.nlmsg_type == RTM_DELLINK;
	ForEachAttribute(message, sizeof(info), [&](uint16_t type, const void *data, size_t bytes) {
		if (type == IFLA_IFNAME)
			link.name = TextOf(data, bytes);
		if (type == IFLA_MTU)
			link.mtu = NumberOf(data, bytes);
		if (type == IFLA_LINKINFO) {
			ForEachAttribute(data, bytes, [&](uint16_t inner, const void *text, size_t length) {
				if (inner == IFLA_INFO_KIND)
					link.kind = TextOf(text, length);
			});
		}
	});
	if (link.kind.empty() && link.type == ARPHRD_ETHER && !link.isGone) {
		const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (any >= 0) {
			link.driver = DriverOf(any, link.name);
			close(any);
		}
	}
	return true;
}

Napi::Object ObjectOf(Napi::Env env, const Link &link)
{
	auto out = Napi::Object::New(env);
	out.Set("index", link.index);
	out.Set("name", link.name);
	out.Set("type", link.type);
	out.Set("kind", link.kind);
	out.Set("driver", link.driver);
	out.Set("mtu", link.mtu);
	out.Set("up", link.isUp);
	out.Set("gone", link.isGone);
	return out;
}

Napi::Value Links(const Napi::CallbackInfo &info)
{
	return Work<std::vector<Link>>::Begin(info.Env(), ListLinks, [](Napi::Env env, const std::vector<Link> &links) -> Napi::Value {
		auto out = Napi::Array::New(env, links.size());
		for (uint32_t i = 0; i < links.size(); i++)
			out.Set(i, ObjectOf(env, links[i]));
		return out;
	});
}

} // namespace ringtail
