/** Containers that talk and count for themselves, and the same sums as metrics tell them. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { decodeMetrics, type PlainPoint } from '../../support/otlp-metrics.ts';
import type { Cgroup } from './cgroups.ts';
import { workload } from './places.ts';
import { start, until } from './processes.ts';

/** Sums by `transport role` of sessions and `transport direction` of bytes. */
export type Sums = Readonly<Record<string, number>>;

export type Talked = { readonly cgroup: Cgroup; readonly networkCookie: number; readonly sums: Sums };

const words = ['tcp client', 'tcp server', 'tcp transmit', 'tcp receive', 'udp client', 'udp server', 'udp transmit', 'udp receive'];

/** Of a container laid out as docker has it. */
export const containerIdOf = ({ path }: Cgroup): string => path.slice(path.lastIndexOf('/') + 1);

export type Traffic = {
  /** From each so many sessions of TCP and as many of UDP, all at once; what each has counted so far. */
  talk(sessions: number): Promise<readonly Talked[]>;
  /** Closes what is open. */
  end(): Promise<void>;
};

const talkedOf = (line: string, cgroup: Cgroup): Talked => {
  const [networkCookie, ...counts] = line.split(' ').map(Number);
  return { cgroup, networkCookie: networkCookie!, sums: Object.fromEntries(words.map((word, at) => [word, counts[at]!])) };
};

/** A process in each; two of them in each network namespace. */
export const startTraffic = (cgroups: readonly Cgroup[]): Traffic => {
  const running = start(workload('container-traffic'), [], { stdio: ['pipe', 'pipe', 'pipe'] });
  running.child.stdin!.write(`${cgroups.map(({ folder }) => folder).join('\n')}\n\n`);
  let rounds = 0;
  return {
    async talk(sessions) {
      rounds++;
      running.child.stdin!.write(`${sessions}\n`);
      const answers = () => running.stdout().split('done\n');
      await until(
        () => {
          if (running.hasEnded()) throw new Error(`the containers ended\n${running.stderr()}`);
          return answers().length > rounds;
        },
        'the containers to talk',
        { otherwise: running.stderr, deadlineMs: 120_000 },
      );
      const lines = answers()[rounds - 1]!.trim().split('\n');
      expect(lines.length).toBe(cgroups.length);
      return lines.map((line, index) => talkedOf(line, cgroups[index]!));
    },
    async end() {
      running.child.stdin!.end();
      expect({ ...(await running.ended), stderr: running.stderr() }).toEqual({ code: 0, signal: null, stderr: '' });
    },
  };
};

/** What was counted behind a moment. */
export const since = (before: readonly Talked[], now: readonly Talked[]): readonly Talked[] =>
  now.map((one, index) => ({
    ...one,
    sums: Object.fromEntries(Object.entries(one.sums).map(([word, value]) => [word, value - before[index]!.sums[word]!])),
  }));

/** Sums of several that counted, by what `keyOf` says. */
export const sumsBy = (talked: readonly Talked[], keyOf: (one: Talked) => string | number): ReadonlyMap<string, Sums> => {
  const all = new Map<string, Record<string, number>>();
  for (const one of talked) {
    const into = all.get(String(keyOf(one))) ?? {};
    for (const [word, value] of Object.entries(one.sums)) into[word] = (into[word] ?? 0) + value;
    all.set(String(keyOf(one)), into);
  }
  return all;
};

export const METRICS = new Set(['ringtail.session.opened', 'ringtail.network.io']);

/** Every point of these two metrics that the file exporter wrote with `format: proto`. */
export const readPoints = (file: string): readonly PlainPoint[] => {
  const bytes = readFileSync(file);
  const points: PlainPoint[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    points.push(...decodeMetrics(bytes.subarray(at + 4, at + 4 + length)).filter(({ name }) => METRICS.has(name)));
    at += 4 + length;
  }
  return points;
};

type JsonValue = { readonly stringValue?: string; readonly intValue?: string; readonly boolValue?: boolean };
type JsonAttributes = readonly { readonly key: string; readonly value: JsonValue }[];
type JsonPoint = {
  readonly attributes?: JsonAttributes;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly asInt: string;
};
type JsonRequest = {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes?: JsonAttributes };
    readonly scopeMetrics: readonly {
      readonly metrics: readonly { readonly name: string; readonly sum?: { readonly dataPoints: readonly JsonPoint[]; readonly aggregationTemporality: number } }[];
    }[];
  }[];
}; // prettier-ignore

const plain = (attributes: JsonAttributes = []) =>
  attributes.map(
    ({ key, value }) =>
      [key, value.intValue === undefined ? (value.stringValue ?? value.boolValue ?? '') : Number(value.intValue)] as const,
  );

/** The same of what a Collector wrote, a request of OTLP/JSON a line. */
export const readCollectorPoints = (file: string): readonly PlainPoint[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => (JSON.parse(line) as JsonRequest).resourceMetrics)
    .flatMap(({ resource, scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => ({ resource, metric }))))
    .filter(({ metric }) => METRICS.has(metric.name))
    .flatMap(({ resource, metric: { name, sum } }) =>
      sum!.dataPoints.map((point): PlainPoint => ({
        resource: plain(resource.attributes),
        attributes: Object.fromEntries(plain(point.attributes)),
        name,
        scope: '',
        version: '',
        description: '',
        unit: '',
        type: 'sum',
        temporality: sum!.aggregationTemporality,
        monotonic: true,
        startNs: BigInt(point.startTimeUnixNano),
        timeNs: BigInt(point.timeUnixNano),
        value: BigInt(point.asInt),
      })),
    );

const wordOf = ({ name, attributes }: PlainPoint): string =>
  `${attributes['network.transport']} ${attributes[name === 'ringtail.network.io' ? 'network.io.direction' : 'ringtail.session.role']}`;

const seriesOf = ({ name, attributes }: PlainPoint): string => JSON.stringify([name, Object.entries(attributes).map(String).toSorted()]);

/** By series, in the order in which they were told. */
export const bySeries = (points: readonly PlainPoint[]): ReadonlyMap<string, readonly PlainPoint[]> => Map.groupBy(points, seriesOf);

/** What was told in the end, by what `keyOf` says of a series; what it does not name is left out, and what is 0. */
export const toldSums = (points: readonly PlainPoint[], keyOf: (point: PlainPoint) => unknown): ReadonlyMap<string, Sums> => {
  const all = new Map<string, Record<string, number>>();
  for (const series of bySeries(points).values()) {
    const last = series.at(-1)!;
    const key = keyOf(last);
    if (key === undefined) continue;
    const isDelta = last.temporality === 1;
    const value = isDelta ? series.reduce((sum, point) => sum + Number(point.value), 0) : Number(last.value);
    const into = all.get(String(key)) ?? {};
    const word = wordOf(last);
    into[word] = (into[word] ?? 0) + value;
    all.set(String(key), into);
  }
  return all;
};

/**
 * Lines of those that differ; none when both say the same. For each of `unseen` ends one line may be short of what was sent by TCP, and is
 * printed.
 */
export const differences = (wanted: ReadonlyMap<string, Sums>, told: ReadonlyMap<string, Sums>, unseen = 0): readonly string[] => {
  const all = [...wanted].flatMap(([key, sums]) =>
    Object.entries(sums).map(([word, value]) => ({ key, word, value, found: told.get(key)?.[word] ?? 0 })),
  );
  const different = all.filter(({ value, found }) => found !== value);
  const isShort = ({ word, value, found }: (typeof all)[number]): boolean => word === 'tcp transmit' && found < value;
  const explained = different.filter(isShort);
  const isExplained = explained.length <= unseen;
  const lineOf = ({ key, word, value, found }: (typeof all)[number]): string => `${key} ${word}: ${value} counted, ${found} told`;
  if (isExplained && explained.length > 0) console.log(`${unseen} ends were not seen: ${explained.map(lineOf).join('; ')}`);
  return (isExplained ? different.filter((one) => !isShort(one)) : different).map(lineOf);
};
