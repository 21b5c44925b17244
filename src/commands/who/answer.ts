/** What `ringtail who` has found, in the words of its JSON; the table is made of the same. */
import { addressText } from '../../otlp/field-text.ts';
import { sessionStateNames } from '../../kernel/sockets/needs.ts';
import type { HolderFacts } from '../../kernel/sockets/holder-facts.ts';
import { sessionKnownBy } from '../../kernel/layouts.gen.ts';
import type { FoundSocket } from '../../kernel/sockets/lookup-once.ts';
import { isWildcard } from '../../kernel/sockets/question.ts';

export type WhoUser = { readonly id: number; readonly name?: string };

export type WhoProcess = {
  readonly pid: number;
  /** Of the program; empty: the process is gone. */
  readonly name: string;
  readonly gone?: true;
  readonly executable?: string;
  readonly args?: readonly string[];
  readonly user?: WhoUser;
  readonly container?: string;
  readonly cgroup?: string;
};

export type WhoEnd = { readonly address: string; readonly port?: number };

export type WhoSocket = {
  readonly protocol: string;
  readonly family: string;
  readonly local: WhoEnd;
  readonly peer?: WhoEnd;
  readonly state?: string;
  readonly role?: string;
  /** Since it began; left out for what was open before anybody looked. */
  readonly age_seconds?: number;
  readonly sent_bytes?: number;
  readonly received_bytes?: number;
  /** Of the socket. */
  readonly user?: WhoUser;
  readonly netns?: number;
  readonly inode?: number;
  readonly session_id?: string;
  /** Pid of who owns it; all others only hold it. */
  readonly owner?: number;
  readonly holders: readonly number[];
  readonly known_by: 'event' | 'iterator' | 'procfs';
};

export type WhoAnswer = { readonly processes: readonly WhoProcess[]; readonly sockets: readonly WhoSocket[] };

/** `container_id` as runtimes put it into the path of a cgroup: 64 hexadecimal digits, shortened as they show it. */
export const containerOf = (cgroup: string | undefined): string | undefined =>
  cgroup === undefined ? undefined : /(?:^|[/-])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/.exec(cgroup)?.[1]?.slice(0, 12);

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

const localText = ({ isDual, local, zone }: FoundSocket): string =>
  isDual ? '*' : `${addressText(local, textOf) ?? ''}${zone === undefined || isWildcard(local) ? '' : `%${textOf(zone)}`}`;

const hasPorts = (protocol: string): boolean => protocol === 'tcp' || protocol === 'udp';

const endOf = (socket: FoundSocket, address: string, port: number): WhoEnd =>
  hasPorts(socket.protocol) && port > 0 ? { address, port } : { address };

const knownByNames: ReadonlyMap<number, WhoSocket['known_by']> = new Map([
  [sessionKnownBy.byIterator, 'iterator'],
  [sessionKnownBy.byProcfs, 'procfs'],
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type AnswerInput = {
  readonly sockets: readonly FoundSocket[];
  readonly facts: ReadonlyMap<number, HolderFacts>;
  readonly userName: (uid: number) => string | undefined;
  /** Boot time now, ns; undefined: not known. */
  readonly bootNs: bigint | undefined;
};

const userOf = (uid: number | undefined, name: AnswerInput['userName']): WhoUser | undefined => {
  if (uid === undefined) return undefined;
  const known = name(uid);
  return known === undefined ? { id: uid } : { id: uid, name: known };
};

const toProcess = (facts: HolderFacts, { userName }: AnswerInput): WhoProcess => {
  const { executable, args, cgroup } = facts;
  const user = userOf(facts.uid, userName);
  const container = containerOf(cgroup);
  const process: Mutable<WhoProcess> = { pid: facts.pid, name: facts.name };
  if (facts.isGone) process.gone = true;
  if (executable !== undefined) process.executable = executable;
  if (args !== undefined) process.args = args;
  if (user !== undefined) process.user = user;
  if (container !== undefined) process.container = container;
  if (cgroup !== undefined) process.cgroup = cgroup;
  return process;
};

const pidsOf = (holders: FoundSocket['holders']): readonly number[] =>
  holders.length === 1 ? [holders[0]!.pid] : [...new Set(holders.map(({ pid }) => pid))];

/** What is not known is left out. */
const toSocket = (socket: FoundSocket, { userName, bootNs }: AnswerInput): WhoSocket => {
  const { protocol, beganNs, sentBytes, receivedBytes, id, holders } = socket;
  const owner = socket.owner?.pid ?? holders[0]?.pid;
  const user = userOf(socket.uid, userName);
  const state = protocol === 'tcp' ? sessionStateNames.get(socket.state) : undefined;
  const found: Mutable<WhoSocket> = {
    protocol,
    family: socket.family,
    local: endOf(socket, localText(socket), socket.localPort),
    holders: pidsOf(holders),
    known_by: knownByNames.get(socket.knownBy) ?? 'event',
  };
  if (socket.peer.length > 0 && !(socket.peerPort === 0 && isWildcard(socket.peer)))
    found.peer = endOf(socket, addressText(socket.peer, textOf) ?? '', socket.peerPort);
  if (state !== undefined) found.state = state;
  if (socket.role !== undefined) found.role = socket.role;
  if (beganNs !== undefined && bootNs !== undefined) found.age_seconds = Math.max(0, Number(bootNs - beganNs) / 1e9);
  if (sentBytes !== undefined) found.sent_bytes = Number(sentBytes);
  if (receivedBytes !== undefined) found.received_bytes = Number(receivedBytes);
  if (user !== undefined) found.user = user;
  if (socket.netns !== 0) found.netns = socket.netns;
  if (socket.inode !== 0) found.inode = socket.inode;
  if (id !== undefined && id !== 0n) found.session_id = `${id}`;
  if (owner !== undefined) found.owner = owner;
  return found;
};

export const toAnswer = (input: AnswerInput): WhoAnswer => ({
  processes: [...input.facts.values()].map((facts) => toProcess(facts, input)),
  sockets: input.sockets.map((socket) => toSocket(socket, input)),
});
