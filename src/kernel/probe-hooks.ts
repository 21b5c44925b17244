/** The kinds of hooks that `ringtail doctor` tries, each by an empty program of bpf/probe.bpf.c. */

export type ProbeHook = {
  readonly name: string;
  readonly program: string;
  readonly purpose: string;
  /** Whether it is attached for a moment; `cgroup`: to the root of the v2 hierarchy, where that is mounted. */
  readonly attach: boolean | 'cgroup';
  /** What is lost where it is not there. */
  readonly without?: string;
  /** Improves something, is never needed. */
  readonly optional?: boolean;
};

/** In the order in which they are told. */
export const hooks: readonly ProbeHook[] = [
  { name: 'tp_btf', program: 'on_tp_btf', purpose: 'tracepoints with types: the best rung of every receiver', attach: true },
  { name: 'raw_tp', program: 'on_raw_tp', purpose: 'raw tracepoints: the second rung', attach: true },
  { name: 'tp', program: 'on_tp', purpose: 'tracepoints by perf event: the third rung', attach: true },
  { name: 'iter/task', program: 'on_iter_task', purpose: 'what already runs at start', attach: true },
  {
    name: 'tp_btf/cgroup_mkdir',
    program: 'on_cgroup_mkdir',
    purpose: 'cgroups as they are made, entered and removed',
    attach: true,
    without: 'one that is gone before it is looked for has no path',
  },
  {
    name: 'iter/task_file',
    program: 'on_iter_file',
    purpose: 'open sockets with their owners at start',
    attach: true,
    without: 'what was open before is known only when it is used or closed',
  },
  {
    name: 'iter/tcp',
    program: 'on_iter_tcp',
    purpose: 'open TCP sockets at start',
    attach: true,
    without: 'connections that nobody has accepted yet are not known at start',
  },
  {
    name: 'iter/udp',
    program: 'on_iter_udp',
    purpose: 'open UDP sockets at start',
    attach: true,
    without: 'UDP sockets that no process holds are not known at start',
  },
  {
    name: 'iter/bpf_map_elem',
    program: 'on_iter_map',
    purpose: 'sessions that ended by idle time, and what is open now',
    attach: false,
    without: 'sessions do not end by idle time',
  },
  {
    name: 'tp_btf/inet_sock_set_state',
    program: 'on_set_state',
    purpose: 'sessions of TCP',
    attach: true,
    without: 'sockets are read from /proc',
  },
  {
    name: 'tp_btf/sock_send_length',
    program: 'on_length',
    purpose: 'datagrams as programs send and receive them, since 6.12',
    attach: true,
    without: 'they are counted as packets, by cgroup_skb',
  },
  {
    name: 'cgroup_skb',
    program: 'on_egress',
    purpose: 'UDP on kernels before 6.12',
    attach: 'cgroup',
    without: 'no sessions of UDP where tp_btf/sock_send_length is missing too',
  },
  {
    name: 'cgroup/sock_create',
    program: 'on_sock_create',
    purpose: 'owners of raw, ICMP and UDP sockets',
    attach: 'cgroup',
    without: 'raw and ICMP sockets are known when they are used',
  },
  {
    name: 'cgroup/sock_release',
    program: 'on_sock_release',
    purpose: 'the end of sockets that are not TCP',
    attach: 'cgroup',
    without: 'it is found by a look each second',
  },
  {
    name: 'cgroup/sendmsg4',
    program: 'on_sendmsg4',
    purpose: 'to whom sockets that are not connected send',
    attach: 'cgroup',
    without: 'their sessions have no peer',
  },
  {
    name: 'cgroup/recvmsg4',
    program: 'on_recvmsg4',
    purpose: 'from whom sockets that are not connected receive',
    attach: 'cgroup',
    without: 'their sessions have no peer',
  },
  {
    name: 'cgroup/connect4',
    program: 'on_connect4',
    purpose: 'connects that fail before a packet leaves',
    attach: 'cgroup',
    without: 'they are not told',
  },
  { name: 'sockops', program: 'on_sockops', purpose: 'socket cookies on 5.10', attach: false },
  { name: 'xdp', program: 'on_xdp', purpose: 'packet counts', attach: false },
  { name: 'fentry', program: 'on_fentry', purpose: 'not needed', attach: true, optional: true },
  { name: 'kprobe', program: 'on_kprobe', purpose: 'not needed', attach: true, optional: true },
];
