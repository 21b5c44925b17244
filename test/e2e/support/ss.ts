/** What `ss` shows of sockets, beside what the kernel keeps for Ringtail. */
import { isIPv6 } from 'node:net';
import { netTransport, sessionKnownBy } from '../../../src/kernel/layouts.gen.ts';
import { run } from './processes.ts';
import type { KeptSession } from './session-maps.ts';

export type SsSocket = {
  readonly transport: 'tcp' | 'udp';
  readonly state: string;
  /** Transport and both ends; one socket has it at one time. */
  readonly ends: string;
  /** Whoever has a descriptor of it. */
  readonly pids: readonly number[];
  readonly cookie: bigint;
};

/** `127.0.0.1:80`, `[::1]:80`. */
const bytesOf = (end: string): string => {
  const at = end.lastIndexOf(':');
  const address = end.slice(0, at).replace(/^\[|\]$/g, '');
  const port = end.slice(at + 1);
  if (!isIPv6(address)) return `${address.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join('')}:${port}`; // prettier-ignore
  if (address !== '::1') throw new Error(`not ::1: ${address}`);
  return `${'0'.repeat(31)}1:${port}`;
};

/** Sockets with a peer of which an end has one of these ports; those that no descriptor shows any more (TIME_WAIT) are not among them. */
export const snapshotOfSs = async (ports: readonly number[]): Promise<readonly SsSocket[]> => {
  const filter = ports.map((port) => `sport = :${port} or dport = :${port}`).join(' or ');
  const { code, stdout, stderr } = await run('ss', ['-tunapeHO', filter]);
  if (code !== 0) throw new Error(`ss: ${stderr}`);
  return stdout.split('\n').flatMap((line) => {
    const [transport, state, , , local, peer] = line.split(/\s+/) as [SsSocket['transport'], string, string, string, string, string];
    if (line === '' || peer.endsWith(':*') || state === 'LISTEN' || state === 'TIME-WAIT') return [];
    const pids = [...line.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid));
    const cookie = BigInt(`0x${/ sk:([0-9a-f]+)/.exec(line)?.[1] ?? '0'}`);
    return [{ transport, state, ends: `${transport} ${bytesOf(local)} ${bytesOf(peer)}`, pids, cookie }];
  });
};

const STATE_LISTEN = 10;

export type Compared = {
  /** In both snapshots of `ss`, with a process, and not in ours or of another process there. */
  readonly missing: readonly string[];
  /** In ours, and in none of the two. */
  readonly unexpected: readonly string[];
  readonly sessions: number;
  readonly stayed: number;
};

export const comparedWithSs = (of: {
  readonly before: readonly SsSocket[];
  readonly kept: readonly KeptSession[];
  readonly after: readonly SsSocket[];
  readonly ports: readonly number[];
}): Compared => {
  const lines = (sockets: readonly SsSocket[]) => sockets.flatMap(({ ends, pids }) => pids.map((pid) => `${ends} of ${pid}`));
  const sessions = of.kept.filter(
    ({ localPort, peerPort, state, map, transport }) =>
      (of.ports.includes(localPort) || of.ports.includes(peerPort)) &&
      // a connect that has no port yet
      localPort !== 0 &&
      (transport === netTransport.tcp ? state !== STATE_LISTEN : map === 'flows'),
  );
  const endsOf = ({ transport, local, localPort, peer, peerPort }: KeptSession) =>
    `${transport === netTransport.tcp ? 'tcp' : 'udp'} ${local}:${localPort} ${peer}:${peerPort}`;
  // until somebody accepts it, it is whose listener it came to; for ss it is nobody's. While a call is under way its session may be nobody's
  const waiting = new Set(sessions.filter(({ knownBy, pid }) => knownBy === sessionKnownBy.byListener || pid === 0).map(endsOf));
  const ours = new Map(
    sessions.map((one) => [
      `${endsOf(one)} of ${one.pid}`,
      `state ${one.state}, flags ${one.flags.toString(16)}, cookie ${one.cookie.toString(16)}`,
    ]),
  );
  const [before, after] = [new Set(lines(of.before)), new Set(lines(of.after))];
  const stayed = [...before].filter((line) => after.has(line));
  // whose descriptor is closed and who still waits for the other end has no process there
  const orphans = new Set(
    [...of.before, ...of.after].filter(({ pids, ends }) => pids.length === 0 || waiting.has(ends)).map(({ ends }) => ends),
  );
  const isThere = (line: string) => before.has(line) || after.has(line) || orphans.has(line.replace(/ of \d+$/, ''));
  return {
    missing: stayed.filter((line) => !ours.has(line)),
    unexpected: [...ours].flatMap(([line, more]) => (isThere(line) ? [] : [`${line}: ${more}`])),
    sessions: ours.size,
    stayed: stayed.length,
  };
};
