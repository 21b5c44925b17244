/*
 * Sends crafted frames into a network interface and says what they are. Commands come on stdin, a line each; each is answered by `done`, behind what
 * it tells: pair NAME MTU OFFLOADS   makes a veth pair: NAME here, its other end in a namespace of its own; tells `index N` list tells all frames
 * that fit the MTU: `frame NAME FAMILY TRANSPORT BYTES BY_XDP_ONLY` send NAME TIMES          into the other end rename OLD NEW; leave NAME; return
 * NAME (tells `index N`); drop addresses NAME; tcp BYTES; udp BYTES SEGMENT    tell `joined PACKETS BYTES` tun NAME makes a device
 * whose packets begin with IP; tells `index N` raw NAME                 sends a frame into it, without its Ethernet header
 */
#include "frames-joined.h"
#include "frames-kinds.h"
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <netinet/if_ether.h>

static unsigned mtu = 1500;
static int tun = -1;

static const struct frame *find_frame(const char *name)
{
	for (unsigned i = 0; i < frame_count; i++) {
		if (!strcmp(frames[i].name, name))
			return &frames[i];
	}
	errno = ENOENT;
	die(name);
	return NULL;
}

static void list_frames(void)
{
	for (unsigned i = 0; i < frame_count; i++) {
		const struct frame *frame = &frames[i];

		if (frame->mtu <= mtu)
			fact("frame %s %d %d %u %d", frame->name, frame->family, frame->transport, frame->length - 4 * frame->tags,
				frame->by_xdp_only);
	}
}

/* One socket for all: to close one takes the kernel a grace period. */
static void send_frame(const struct frame *frame, int times)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(INNER)};
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	while (times--) {
		if (sendto(fd, frame->bytes, frame->length, 0, (void *)&address, sizeof(address)) != (ssize_t)frame->length)
			die(frame->name);
	}
}

static void send_all(int times)
{
	for (int by_xdp_only = 0; by_xdp_only <= 1; by_xdp_only++) {
		for (unsigned i = 0; i < frame_count; i++) {
			if (frames[i].mtu <= mtu && frames[i].by_xdp_only == by_xdp_only)
				send_frame(&frames[i], times);
		}
	}
}

static void make_tun(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	enter(outside);
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request)) {
		fact("skip no tun device can be made: %s", strerror(errno));
		_exit(0);
	}
	set_link(route_outside, name, NULL, 1);
	fact("index %u", if_nametoindex(name));
	enter(inside);
}

static void act(char *command, const char *first, const char *second, const char *third)
{
	if (!strcmp(command, "pair"))
		make_pair(first, mtu = atoi(second), atoi(third));
	else if (!strcmp(command, "list"))
		list_frames();
	else if (!strcmp(command, "send"))
		send_frame(find_frame(first), atoi(second));
	else if (!strcmp(command, "all"))
		send_all(atoi(first));
	else if (!strcmp(command, "rename"))
		rename_outer(first, second);
	else if (!strcmp(command, "leave"))
		move_outer(first, 0);
	else if (!strcmp(command, "return"))
		move_outer(first, 1);
	else if (!strcmp(command, "drop"))
		drop_pair();
	else if (!strcmp(command, "addresses"))
		add_addresses(first);
	else if (!strcmp(command, "tcp"))
		send_tcp(atol(first));
	else if (!strcmp(command, "udp"))
		send_udp(atoi(first), atoi(second));
	else if (!strcmp(command, "tun"))
		make_tun(first);
	else if (!strcmp(command, "raw")) {
		const struct frame *frame = find_frame(first);

		if (write(tun, frame->bytes + 14, frame->length - 14) < 0)
			die("write to tun");
	} else
		die(command);
}

int main(void)
{
	char line[256];

	make_frames();
	open_namespaces();
	while (fgets(line, sizeof(line), stdin)) {
		char command[32] = "", first[64] = "", second[64] = "", third[64] = "";

		sscanf(line, "%31s %63s %63s %63s", command, first, second, third);
		act(command, first, second, third);
		fact("done");
	}
	return 0;
}
