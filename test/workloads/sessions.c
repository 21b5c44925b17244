/*
 * TCP connections of every kind, each told as the kernel should tell it; see sessions.h. In a network namespace of its own, so that Fast Open
 * and link-local addresses are there.
 *
 * sessions KIND...   the functions of `kinds`
 */
#include "sessions-pairs.h"
#include "sessions-failed.h"
#include "sessions-owners.h"
#include "sessions-before.h"
#include "sessions-uring.h"

#define NETNS_COOKIE 71 /* SO_NETNS_COOKIE, since 5.14 */

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{"plain4", plain4},
	{"plain6", plain6},
	{"zoned", zoned},
	{"dual", dual},
	{"only6", only6},
	{"half", half},
	{"server_first", server_first},
	{"linger", linger},
	{"unread", unread},
	{"unacked", unacked},
	{"itself", itself},
	{"nonblocking", nonblocking},
	{"fast_open", fast_open},
	{"never", never},
	{"reset_before", reset_before},
	{"refused", refused},
	{"timeout", times_out},
	{"given_up", given_up},
	{"unreachable", unreachable},
	{"taken", taken},
	{"workers", workers},
	{"thread", in_thread},
	{"headless", headless},
	{"forked", forked},
	{"passed", passed},
	{"left", left},
	{"shared_port", shared_port},
	{"before", before},
	{"uring", uring},
};

static void own_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct {
		struct in6_addr address;
		unsigned int prefix;
		int index;
	} local = {.prefix = 64, .index = 1};
	int fd, sysctl;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		die("SIOCSIFFLAGS");
	close(fd);
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	inet_pton(AF_INET6, "fe80::1", &local.address);
	if (ioctl(fd, SIOCSIFADDR, &local))
		die("SIOCSIFADDR");
	close(fd);
	sysctl = open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY);
	if (sysctl < 0 || write(sysctl, "519", 3) != 3)
		die("tcp_fastopen");
	close(sysctl);
}

/* By which the test knows its records from others; 0: this kernel does not tell programs. */
static void tell_network(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned long long cookie = 0;
	socklen_t length = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, NETNS_COOKIE, &cookie, &length))
		cookie = 0;
	fact("network %llu", cookie);
	close(fd);
}

int main(int count, char **names)
{
	own_network();
	tell_network();
	for (int i = 1; i < count; i++) {
		unsigned kind = 0;

		while (kind < sizeof(kinds) / sizeof(*kinds) && strcmp(kinds[kind].name, names[i]))
			kind++;
		if (kind == sizeof(kinds) / sizeof(*kinds))
			die(names[i]);
		kinds[kind].run();
	}
	return 0;
}
