/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* Sessions of sockets: their records, what the kernel keeps of each while it is there, and what is added up. A part of events.h. */
#ifndef RINGTAIL_SESSIONS_H
#define RINGTAIL_SESSIONS_H

/* Who began it. */
enum session_role {
	ROLE_UNKNOWN = 0,
	ROLE_CLIENT = 1,
	ROLE_SERVER = 2,
};

/* Where the owner comes from. In this order they are `ringtail.attribution`. */
enum session_known_by {
	KNOWN_NOT = 0,      /* there is none: the head of its records is zero */
	KNOWN_BY_EVENT = 1, /* it connected, accepted, listened, or used it while we looked */
	KNOWN_BY_ITERATOR = 2,
	KNOWN_BY_PROCFS = 3,
	KNOWN_BY_LISTENER = 4, /* nobody accepted it: the owner of the socket that listens. Told as KNOWN_BY_EVENT */
};

/* Of a session and of its records. */
enum session_flags {
	SESSION_IS_CLIENT = 1 << 0,     /* the role once more, for conditions on columns */
	SESSION_IS_SERVER = 1 << 1,
	SESSION_HAS_BYTES = 1 << 2,     /* bytes count; at the end of TCP they are exact */
	SESSION_HAS_START = 1 << 3,     /* start_ns and duration count: it began while we looked */
	SESSION_HAS_STATE = 1 << 4,     /* TCP: `state` counts */
	SESSION_IS_SOCKET = 1 << 5,     /* in `sessions`, of UDP: the socket itself, whose sessions are in `flows` */
	SESSION_IS_TOLD = 1 << 6, /* its start was written, or would have been if anybody wanted it: it is established and counted as opened */
	SESSION_IS_ACCEPTED = 1 << 7,
	SESSION_IS_CLOSED = 1 << 8, /* it ended, and waits for its accept */
	SESSION_IS_LOOPBACK = 1 << 9, /* both ends are on this host, over loopback */
	SESSION_LOCAL_DUAL = 1 << 10, /* the local address is :: and takes IPv4 too: `*` */
	SESSION_MANY_PEERS = 1 << 11, /* of a datagram socket whose peers cannot be told apart here */
	SESSION_IS_LEFT_OUT = 1 << 13,  /* its owner is Ringtail itself, or whom the configuration leaves out: kept, and not told */
	SESSION_HAS_UNACKED = 1 << 12, /* TCP, at the end: bytes_unacked counts */
	SESSION_IS_LISTENER = 1 << 14, /* TCP: it listens; with SESSION_IS_CLOSED it did */
};

/* What may happen at one moment on two processors; set once, and never taken back. */
enum session_step {
	SESSION_STEP_ACCEPTED = 1 << 0,
	SESSION_STEP_CLOSED = 1 << 1,
	SESSION_STEP_ENDED = 1 << 2, /* somebody tells its end */
};

/* States as the kernel numbers those of TCP (include/net/tcp_states.h). */
enum session_state {
	STATE_NONE = 0,
	STATE_TCP_ESTABLISHED = 1,
	STATE_TCP_SYN_SENT = 2,
	STATE_TCP_SYN_RECEIVED = 3,
	STATE_TCP_FIN_WAIT_1 = 4,
	STATE_TCP_FIN_WAIT_2 = 5,
	STATE_TCP_TIME_WAIT = 6,
	STATE_TCP_CLOSED = 7,
	STATE_TCP_CLOSE_WAIT = 8,
	STATE_TCP_LAST_ACK = 9,
	STATE_TCP_LISTEN = 10,
	STATE_TCP_CLOSING = 11,
	STATE_TCP_NEW_SYN_RECEIVED = 12,
	SESSION_STATES = 16, /* size of tables indexed by state */
};

#define ZONE_BYTES 16 /* name of an interface, ended by NUL */
#define SESSION_TRANSPORTS 8 /* size of tables indexed by enum net_transport */

/* Value of `sessions` and of `flows`. */
struct session {
	struct event_actor owner; /* zero when nobody is known */
	__u64 id;
	__u64 sk; /* address of the struct sock */
	__u64 cookie; /* of the socket; 0 = not known */
	__u64 start_ns; /* boot time, with SESSION_HAS_START */
	__u64 last_ns; /* boot time of the last datagram; of TCP: when it was closed */
	__u64 sent; /* payload bytes. UDP: counted. TCP: acknowledged, as they were at the last look */
	__u64 received;
	__u64 unacked;
	__u64 netns_cookie; /* 0 = not known */
	__u64 cgroup_id; /* the socket's; while that is the root of v2 its first owner's */
	__u32 netns; /* number of the namespace's inode */
	__u32 uid; /* the socket's */
	__u32 flags; /* enum session_flags */
	__u32 retransmits;
	__u16 family; /* AF_* */
	__u16 local_port;
	__u16 peer_port;
	__u16 error; /* errno */
	__u8 transport; /* enum net_transport */
	__u8 role;
	__u8 state;
	__u8 known_by;
	__u32 mark; /* of whoever walks the map */
	__u8 local[16]; /* an IPv4 address in the first four bytes */
	__u8 peer[16];
	char zone[ZONE_BYTES]; /* interface of link-local addresses; empty: none */
	__u64 before_sent; /* TCP: what a socket that was open before had moved when it was entered: metrics leave it out */
	__u64 before_received;
	__u32 steps; /* enum session_step */
	__u32 last_state; /* TCP, when it is closed: the one before. UDP: the scope of its key in `flows` */
};

/* What the iterator of `ringtail who` writes: an open socket and one of its descriptors. */
struct socket_holder {
	struct session session; /* the owner is who holds this descriptor */
	__u64 inode;
	__u32 fd;
	__u32 zero;
};

/* What the walks of live views write of a session that is open; see session_shown.bpf.h. */
struct session_shown {
	__u64 id;
	__u64 sk;
	__u64 start_ns; /* boot time, with SESSION_HAS_START */
	__u64 sent; /* payload so far, with SESSION_HAS_BYTES */
	__u64 received;
	__u64 owner_start_ns;
	__u64 cgroup_id;
	__u64 netns_cookie; /* 0 = not known */
	__u32 netns; /* number of the namespace's inode */
	__u32 pid; /* of the owner; 0 = nobody is known */
	__u32 uid; /* effective, of the owner; else the socket's */
	__u32 owner_flags; /* enum head_flags */
	__u32 flags; /* enum session_flags */
	__u16 family; /* AF_* */
	__u16 local_port;
	__u16 peer_port;
	__u8 transport; /* enum net_transport */
	__u8 role;
	__u8 state; /* enum session_state */
	__u8 known_by;
	__u16 zero;
	__u8 local[16];
	__u8 peer[16];
	char zone[ZONE_BYTES];
	char comm[16];
};

/* Key of `flows`: a datagram socket and one of its peers. The key of `sessions` is the address of the struct sock. */
struct flow_key {
	__u64 sk;
	__u8 peer[16];
	__u16 port;
	__u16 family; /* of the peer's address */
	__u32 scope; /* interface of a link-local peer */
};

#define UNIX_NAME_BYTES 108 /* sun_path of struct sockaddr_un */

/* Value of `unix_sessions`, whose key is that of `sessions`: the names of both ends, an abstract one with its NUL in front. */
struct unix_ends {
	__u32 local_len;
	__u32 peer_len;
	__u32 peer_pid;
	__u32 zero;
	__u8 local[UNIX_NAME_BYTES];
	__u8 peer[UNIX_NAME_BYTES];
};

/* What every record of a session has after its head. */
#define SESSION_FIELDS \
	struct event_head head; /* the owner */ \
	__u64 id; \
	__u64 duration_ns; /* with SESSION_HAS_START */ \
	__u64 sent; \
	__u64 received; \
	__u64 unacked; \
	__u64 netns_cookie; \
	__u64 cgroup_id; \
	__u32 flags; \
	__u32 retransmits; \
	__u32 family; \
	__u32 transport; /* enum net_transport */ \
	__u32 net_flags; /* NET_IS_INET or NET_IS_UNIX */ \
	__u32 state; \
	__u32 old_state; \
	__s32 error; /* negative errno, 0 = none */ \
	__u32 role; \
	__u32 known_by; \
	__u32 local_port; \
	__u32 peer_port; \
	__u32 peer_pid; /* unix: the process at the other end, 0 = not known */ \
	text_len local_len; /* 4 or 16 bytes of an address; more than 16: its zone behind them; one byte: `*`; unix: a path */ \
	text_len peer_len; \
	text_len rest_len; /* room that was not needed; says nothing */

struct session_start_event {
	SESSION_FIELDS
};

struct session_state_event {
	SESSION_FIELDS
};

struct session_end_event {
	SESSION_FIELDS
};

struct session_listen_event {
	SESSION_FIELDS
};

/* Bits of `session_settings.wants`. */
enum session_want {
	SESSION_WANT_START = 1 << 0,
	SESSION_WANT_STATE = 1 << 1,
	SESSION_WANT_END = 1 << 2,
	SESSION_WANT_LISTEN = 1 << 3,
	SESSION_WANT_COUNT = 1 << 4, /* add up in `session_counts` */
};

/* The only entry of the map `session_settings`; it may change while the programs run. Sessions are kept whatever it says but for protocols. */
struct session_settings {
	__u64 idle_ns[SESSION_TRANSPORTS]; /* a session without a datagram for so long has ended; 0 = never */
	__u64 cgroup_id; /* only sockets of this cgroup and those below it; 0 = all */
	__u32 wants; /* enum session_want: of records */
	__u32 states; /* 1 << state: changes to which become records */
	__u32 protocols; /* 1 << enum net_transport */
	__u32 families; /* 1 << 0 IPv4, 1 << 1 IPv6: as the socket is */
	__u32 no_loopback; /* 1: what stays on this host over loopback is not told and not counted */
	__u32 told; /* 1 << enum net_transport: of which there are records and counts; all of `protocols` are kept */
};

enum session_rule_flags {
	SESSION_RULE_DROP = 1 << 0, /* else it keeps */
	SESSION_RULE_ADDRESS = 1 << 1, /* address and mask are a test */
	SESSION_RULE_PORTS = 1 << 2, /* the bounds are a test */
	SESSION_RULE_LOCAL = 1 << 3, /* they are about the local end, else about the peer's */
	SESSION_RULE_MORE = 1 << 4, /* the next entry belongs to the same rule: all of them must hold */
};

#define SESSION_RULES 64
#define SESSION_RULE_COUNTS 256 /* numbers of rules; 0 is none */

/* What is no test lets everything through: mask and address 0, ports 0 to 65535. */
struct session_rule {
	__u64 address[2]; /* under the mask, in network order; IPv4 as ::ffff:a.b.c.d */
	__u64 mask[2];
	__u16 port_min;
	__u16 port_max;
	__u16 flags; /* enum session_rule_flags */
	__u16 kinds; /* enum session_want: of which records */
	__u16 set;
	__u16 number; /* its place in `session_rule_counts` */
	__u32 zero;
};

/* What is in force: the only entry of the array inside `session_rules`, exchanged whole. A record is dropped when all sets drop it. */
struct session_rule_set {
	__u32 rules; /* entries that count */
	__u32 sets;  /* they belong to; at most 32 */
	struct session_rule entries[SESSION_RULES];
};

#define DURATION_BUCKETS 14

/* `session_counts`: a hash with a value a CPU. */
struct session_count_key {
	__u64 cgroup_id;
	__u64 netns_cookie;
	__u8 transport;
	__u8 family; /* 4 or 6; 0: neither */
	__u8 role;
	__u8 state; /* of what failed: the last one before */
	__u16 error; /* of what failed or ended with one */
	__u16 zero;
};

struct session_count {
	__u64 opened;
	__u64 failed;
	__u64 ended; /* that had a start */
	__u64 sent; /* payload bytes of those that ended */
	__u64 received;
	__u64 duration_ns; /* of those that ended and had a start */
	__u64 durations[DURATION_BUCKETS]; /* by enum session_duration; the last one has no bound */
	__u64 closed; /* ended, whether they had a start or not; without what failed */
};

/* Upper bounds of the buckets of durations, in ms; what is equal to a bound is below it. */
enum session_duration {
	DURATION_MS_1 = 1,
	DURATION_MS_5 = 5,
	DURATION_MS_10 = 10,
	DURATION_MS_50 = 50,
	DURATION_MS_100 = 100,
	DURATION_MS_500 = 500,
	DURATION_S_1 = 1000,
	DURATION_S_5 = 5000,
	DURATION_S_15 = 15000,
	DURATION_MIN_1 = 60000,
	DURATION_MIN_5 = 300000,
	DURATION_MIN_30 = 1800000,
	DURATION_H_2 = 7200000,
};

/* `session_live`, a hash: what is open, added up by each walk and forgotten before the next one. Its key has the state. */
struct session_live {
	__u64 open;
	__u64 sent; /* payload bytes of what has not ended */
	__u64 received;
};

/* The only entry of the array `session_rest`: what found no room in the hashes, so that sums stay exact; and what the walks met. */
struct session_rest {
	struct session_count ended; /* added to without a lock by all CPUs: atomically */
	struct session_live live; /* made anew with `session_live` */
	__u64 sessions; /* entries of `sessions` and of `flows`, as the last walks met them */
	__u64 flows;
};

/* Indices of the per-CPU array `session_stats` of __u64. */
enum session_stat {
	SESSION_NO_ROOM = 0, /* inserts that failed: the session is not known */
	SESSION_REUSED = 1, /* an entry was found under an address that belonged to another socket before */
	SESSION_NO_OWNER = 2, /* ended without anybody known */
	SESSION_MOVED = 3, /* another process took it over */
	SESSION_NO_SESSION = 4, /* an accept of a socket that is not known */
	SESSION_COUNT_NO_ROOM = 5, /* found no room in `session_counts` */
	SESSION_SWEPT = 6, /* found to be gone by a walk and not by an event */
	SESSION_PEER_UNKNOWN = 7, /* a datagram whose peer was not seen */
	SESSION_STATS = 16,
};

#endif
