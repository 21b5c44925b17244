/* A veth pair: one end in the network namespace that the program was started in, the other in one of its own. */
#ifndef FRAMES_LINKS_H
#define FRAMES_LINKS_H
#include "facts.h"
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define INNER "inner"

static int outside, inside;             /* namespaces */
static int route_outside, route_inside; /* sockets of routing netlink */

struct route_request {
	struct nlmsghdr head;
	struct ifinfomsg link;
	char attributes[512];
};

static struct rtattr *add_attribute(struct route_request *request, int type, const void *data, int bytes)
{
	struct rtattr *at = (void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

	at->rta_type = type;
	at->rta_len = RTA_LENGTH(bytes);
	if (bytes)
		memcpy(RTA_DATA(at), data, bytes);
	request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + RTA_ALIGN(at->rta_len);
	return at;
}

static void close_attribute(struct route_request *request, struct rtattr *nest)
{
	nest->rta_len = (char *)request + NLMSG_ALIGN(request->head.nlmsg_len) - (char *)nest;
}

static struct route_request new_request(int type, int flags, const char *name)
{
	struct route_request request = {0};

	request.head.nlmsg_len = NLMSG_LENGTH(sizeof(request.link));
	request.head.nlmsg_type = type;
	request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	if (name)
		add_attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return request;
}

/* The kernel's answer: 0 or an errno. */
static int ask(int route, struct route_request *request)
{
	char answer[4096];
	struct nlmsghdr *head = (void *)answer;

	if (send(route, request, request->head.nlmsg_len, 0) < 0)
		die("send to netlink");
	if (recv(route, answer, sizeof(answer), 0) < (int)sizeof(*head) || head->nlmsg_type != NLMSG_ERROR)
		die("answer of netlink");
	return -((struct nlmsgerr *)NLMSG_DATA(head))->error;
}

static void must(const char *what, int error)
{
	errno = error;
	if (error)
		die(what);
}

static void enter(int namespace)
{
	if (setns(namespace, CLONE_NEWNET))
		die("setns");
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* a kernel without IPv6 has no such file */
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		die(path);
	if (fd >= 0)
		close(fd);
}

static int open_route(void)
{
	int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (route < 0)
		die("netlink");
	return route;
}

static void open_namespaces(void)
{
	outside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	route_outside = open_route();
	if (outside < 0 || unshare(CLONE_NEWNET)) {
		fact("skip network namespaces cannot be made: %s", strerror(errno));
		_exit(0);
	}
	inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	route_inside = open_route();
	/* nothing is sent but what is asked for */
	write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

/* What a card does for the kernel: joining and splitting. */
static void set_offloads(const char *name, int on)
{
	static const int commands[] = {ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_value value = {.data = on};
	struct ifreq request = {.ifr_data = (char *)&value};

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		value.cmd = commands[i];
		if (ioctl(fd, SIOCETHTOOL, &request) && errno != EOPNOTSUPP)
			die("ethtool");
	}
	close(fd);
}

/* Up or down, with another name when there is one. */
static void set_link(int route, const char *name, const char *rename_to, int up)
{
	struct route_request request = new_request(RTM_NEWLINK, 0, rename_to ? NULL : name);

	request.link.ifi_index = rename_to ? (int)if_nametoindex(name) : 0;
	request.link.ifi_flags = up ? IFF_UP : 0;
	request.link.ifi_change = IFF_UP;
	if (rename_to)
		add_attribute(&request, IFLA_IFNAME, rename_to, strlen(rename_to) + 1);
	must("set link", ask(route, &request));
}

/* Until then what is sent is dropped: the kernel opens the queue of an interface some time after its other end came up. */
static void wait_running(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = INNER};

	for (int turn = 0; turn < 10000; turn++) {
		if (ioctl(fd, SIOCGIFFLAGS, &request))
			die("flags of the inner end");
		if (request.ifr_flags & IFF_RUNNING)
			break;
		usleep(1000);
	}
	close(fd);
}

static void make_pair(const char *outer, unsigned mtu, int offloads)
{
	struct route_request request = new_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, INNER);
	struct rtattr *info, *data, *peer;
	struct ifinfomsg of_peer = {0};
	char path[128];
	int error;

	add_attribute(&request, IFLA_MTU, &mtu, sizeof(mtu));
	info = add_attribute(&request, IFLA_LINKINFO, NULL, 0);
	add_attribute(&request, IFLA_INFO_KIND, "veth", 4);
	data = add_attribute(&request, IFLA_INFO_DATA, NULL, 0);
	peer = add_attribute(&request, VETH_INFO_PEER, &of_peer, sizeof(of_peer));
	add_attribute(&request, IFLA_IFNAME, outer, strlen(outer) + 1);
	add_attribute(&request, IFLA_MTU, &mtu, sizeof(mtu));
	add_attribute(&request, IFLA_NET_NS_FD, &outside, sizeof(outside));
	close_attribute(&request, peer);
	close_attribute(&request, data);
	close_attribute(&request, info);
	error = ask(route_inside, &request);
	if (error == EOPNOTSUPP) {
		fact("skip this kernel has no veth");
		_exit(0);
	}
	must("make a veth pair", error);
	set_offloads(INNER, offloads);
	set_link(route_inside, INNER, NULL, 1);
	enter(outside);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", outer);
	write_text(path, "1");
	set_offloads(outer, offloads);
	set_link(route_outside, outer, NULL, 1);
	fact("index %u", if_nametoindex(outer));
	enter(inside);
	wait_running();
}

static void rename_outer(const char *before, const char *after)
{
	enter(outside);
	set_link(route_outside, before, NULL, 0); /* old kernels take another name only then */
	set_link(route_outside, before, after, 0);
	set_link(route_outside, after, NULL, 1);
	enter(inside);
	wait_running();
}

/* Out of the namespace that the program was started in, and back. */
static void move_outer(const char *name, int back)
{
	int to = back ? outside : inside;
	struct route_request request = new_request(RTM_NEWLINK, 0, name);

	add_attribute(&request, IFLA_NET_NS_FD, &to, sizeof(to));
	must("move link", ask(back ? route_inside : route_outside, &request));
	if (back)
		enter(outside);
	set_link(back ? route_outside : route_inside, name, NULL, 1);
	if (back)
		fact("index %u", if_nametoindex(name));
	enter(inside);
	wait_running();
}

static void drop_pair(void)
{
	struct route_request request = new_request(RTM_DELLINK, 0, INNER);

	must("delete link", ask(route_inside, &request));
}
#endif
