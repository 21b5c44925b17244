/** What each part of the sessions is done by, and what is missing without it: for the start-up line and health. */
import type { LoadedHooks } from './hooks.ts';
import type { SocketHook } from './needs.ts';
import type { LoadedTracing } from './tracing.ts';

/** What each part is done by. */
export const hooksOf = (
  tracing: LoadedTracing,
  { attached, refusals }: LoadedHooks,
  { existing, sweep }: Readonly<Record<'existing' | 'sweep', string | undefined>>,
): readonly SocketHook[] => {
  const because = (names: readonly string[]): string => names.flatMap((name) => refusals.get(name) ?? []).at(0) ?? '';
  const hook = (name: SocketHook['hook'], rung: string | undefined, note: string): SocketHook => ({
    hook: name,
    rung: rung ?? 'none',
    note,
  });
  const byCgroup = (name: SocketHook['hook'], program: string, otherwise: string): SocketHook =>
    attached.has(program)
      ? hook(name, 'cgroup', '')
      : hook(name, undefined, `${otherwise}${because([program]) === '' ? '' : `: ${because([program])}`}`);
  const udp = tracing.groups.has('length') ? 'length' : attached.has('on_egress') ? 'cgroup_skb' : undefined;
  return [
    hook('tcp', 'tp_btf', ''),
    hook('accept', 'tp_btf', ''),
    hook(
      'udp',
      udp,
      udp === undefined
        ? `no sessions of UDP${because(['on_egress']) === '' ? '' : `: ${because(['on_egress'])}`}`
        : udp === 'cgroup_skb'
          ? 'this kernel has no tracepoint of lengths: received bytes are those that reached the socket'
          : '',
    ),
    udp === 'cgroup_skb'
      ? hook('peer', 'cgroup_skb', '')
      : byCgroup('peer', 'on_sendmsg4', 'sockets that are not connected have sessions without a peer'),
    byCgroup(
      'release',
      'on_sock_release',
      sweep === undefined
        ? 'the end of a session that is not TCP is found by a look each second'
        : `sessions that are not TCP have no end (${sweep})`,
    ),
    byCgroup('create', 'on_sock_create', 'raw and ICMP sockets are known when they are used'),
    byCgroup('connect_failed', 'on_connect4', 'connects that fail before a packet leaves are not told'),
    hook(
      'existing',
      existing === undefined ? 'iterator' : undefined,
      existing === undefined ? '' : `what was open before is known only when it is used or closed: ${existing}`,
    ),
  ];
};
