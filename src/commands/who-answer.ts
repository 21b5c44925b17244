/** What `ringtail who` has found, in the words of its JSON; the table is made of the same. */
import { addressText } from '../otlp/field-text.ts';
import { sessionStateNames } from '../kernel/sockets/needs.ts';
import type { HolderFacts } from '../kernel/sockets/holder-facts.ts';
import type { FoundSocket, KnownBy } from '../kernel/sockets/lookup-once.ts';
import { isWildcard } from '../kernel/sockets/question.ts';

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
  readonly known_by: KnownBy;
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

const defined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;

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

const toProcess = (facts: HolderFacts, { userName }: AnswerInput): WhoProcess =>
  defined({
    pid: facts.pid,
    name: facts.name,
    gone: facts.isGone ? (true as const) : undefined,
    executable: facts.executable,
    args: facts.args,
    user: userOf(facts.uid, userName),
    container: containerOf(facts.cgroup),
    cgroup: facts.cgroup,
  }) as WhoProcess;

const toSocket = (socket: FoundSocket, { userName, bootNs }: AnswerInput): WhoSocket => {
  const { beganNs, sentBytes, receivedBytes, id, holders, owner } = socket;
  const hasPeer = socket.peer.length > 0 && !(isWildcard(socket.peer) && socket.peerPort === 0);
  return defined({
    protocol: socket.protocol,
    family: socket.family,
    local: endOf(socket, localText(socket), socket.localPort),
    peer: hasPeer ? endOf(socket, addressText(socket.peer, textOf) ?? '', socket.peerPort) : undefined,
    state: socket.protocol === 'tcp' ? sessionStateNames.get(socket.state) : undefined,
    role: socket.role,
    age_seconds: beganNs === undefined || bootNs === undefined ? undefined : Math.max(0, Number(bootNs - beganNs) / 1e9),
    sent_bytes: sentBytes === undefined ? undefined : Number(sentBytes),
    received_bytes: receivedBytes === undefined ? undefined : Number(receivedBytes),
    user: userOf(socket.uid, userName),
    netns: socket.netns === 0 ? undefined : socket.netns,
    inode: socket.inode === 0 ? undefined : socket.inode,
    session_id: id === undefined || id === 0n ? undefined : `${id}`,
    owner: owner?.pid ?? holders[0]?.pid,
    holders: [...new Set(holders.map(({ pid }) => pid))],
    known_by: socket.knownBy,
  }) as WhoSocket;
};

export const toAnswer = (input: AnswerInput): WhoAnswer => ({
  processes: [...input.facts.values()].map((facts) => toProcess(facts, input)),
  sockets: input.sockets.map((socket) => toSocket(socket, input)),
});
