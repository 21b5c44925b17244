/** What the kernel keeps for a running Ringtail, as bpftool shows it: neither Ringtail nor its addon is asked. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { findBpftool } from '../../../scripts/lib/tools.mjs';

export type KeptSession = {
  readonly map: 'sessions' | 'flows';
  /** enum net_transport. */
  readonly transport: number;
  /** AF_*. */
  readonly family: number;
  readonly role: number;
  readonly state: number;
  readonly flags: number;
  /** enum session_known_by. */
  readonly knownBy: number;
  /** 4 or 16 bytes in hexadecimal digits. */
  readonly local: string;
  readonly localPort: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly pid: number;
  /** As the kernel numbers it; 0: not known. */
  readonly cookie: bigint;
};

type MapInfo = { readonly id: number; readonly name?: string };
/** By the BTF of the map; fields of eight bytes may come as text. */
type Value = Readonly<Record<string, number | string | readonly (number | string)[]>> & {
  readonly owner: Readonly<Record<string, number>>;
};
type Entry = { readonly formatted: { readonly value: Value } };

const bpftool = async <T>(...args: readonly string[]): Promise<T> => {
  const { stdout } = await promisify(execFile)(findBpftool(), ['-j', ...args], { maxBuffer: 1 << 29 });
  return JSON.parse(stdout) as T;
};

const INET = 2;
const hexOf = (bytes: readonly (number | string)[], family: number): string =>
  Buffer.from(bytes.slice(0, family === INET ? 4 : 16).map(Number)).toString('hex');

const keptOf = (map: KeptSession['map'], { formatted: { value } }: Entry): KeptSession => ({
  map,
  transport: Number(value['transport']),
  family: Number(value['family']),
  role: Number(value['role']),
  state: Number(value['state']),
  flags: Number(value['flags']),
  knownBy: Number(value['known_by']),
  local: hexOf(value['local'] as readonly number[], Number(value['family'])),
  localPort: Number(value['local_port']),
  peer: hexOf(value['peer'] as readonly number[], Number(value['family'])),
  peerPort: Number(value['peer_port']),
  pid: Number(value.owner['pid']),
  cookie: BigInt(value['cookie'] as number | string),
});

/** Empty when it was closed meanwhile. */
const readIfThere = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Numbers of the maps that it has descriptors of. */
const mapsOf = (pid: number): ReadonlySet<number> =>
  new Set(
    readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
      const id = /^map_id:\s+(\d+)$/m.exec(readIfThere(`/proc/${pid}/fdinfo/${fd}`))?.[1];
      return id === undefined ? [] : [Number(id)];
    }),
  );

const MAPS = ['sessions', 'flows'] as const;

/** Reads both maps of the process `pid`; throws when it has none. Entries that come or go meanwhile may be there or not. */
export const readSessionMaps = async (pid: number): Promise<readonly KeptSession[]> => {
  const own = mapsOf(pid);
  const all = (await bpftool<readonly MapInfo[]>('map', 'show')).filter(({ id }) => own.has(id));
  const kept: KeptSession[] = [];
  for (const name of MAPS) {
    const info = all.find((one) => one.name === name);
    if (info === undefined) throw new Error(`process ${pid} has no map ${name}`);
    for (const entry of await bpftool<readonly Entry[]>('map', 'dump', 'id', String(info.id))) kept.push(keptOf(name, entry));
  }
  return kept;
};
