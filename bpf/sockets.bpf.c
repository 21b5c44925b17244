// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Sessions of sockets by tracing programs and iterators. What needs a cgroup is in socket_hooks.bpf.c; both use the same maps.
#include "session.bpf.h"
#include "session_tcp.bpf.h"
#include "session_accept.bpf.h"
#include "session_open.bpf.h"
#include "session_datagram.bpf.h"
#include "session_sweep.bpf.h"
#include "session_live.bpf.h"
#include "session_shown.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
