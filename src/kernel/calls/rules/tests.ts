/** What of a rule the kernel can test, and what keeps the rest from it. */
import type { AddressTest, PortTest, Rule, TextTest } from '../../../core/rules.ts';
import { eventName } from '../../../otlp/names.ts';
import { eventKind } from '../../layouts.gen.ts';

/** `LPM_TRIE` takes 256 bytes; what stands before the text is the generation. */
const LONGEST_PATH_BYTES = 250;
const LONGEST_COMM_BYTES = 15;
/** Of one range. */
const MOST_PORTS = 1024;

const fileKinds: Readonly<Record<string, number>> = {
  [eventName.fileOpen]: eventKind.open,
  [eventName.fileRead]: eventKind.read,
  [eventName.fileWrite]: eventKind.write,
  [eventName.fileUnlink]: eventKind.unlink,
};
const peerKinds: Readonly<Record<string, number>> = {
  [eventName.networkConnect]: eventKind.connect,
  [eventName.networkAccept]: eventKind.accept,
  [eventName.networkSend]: eventKind.send,
  [eventName.networkReceive]: eventKind.receive,
  [eventName.networkClose]: eventKind.close,
};
const kinds = { ...fileKinds, ...peerKinds, [eventName.syscallFailed]: eventKind.callFailed };

const maskOf = (numbers: Iterable<number>): number => [...numbers].reduce((mask, kind) => mask | (1 << kind), 0);
const FILE_KINDS = maskOf(Object.values(fileKinds));
const PEER_KINDS = maskOf(Object.values(peerKinds));
export const CALL_KINDS = maskOf(Object.values(kinds));

/** Fields whose alternatives are entries of a map; the name of the rule can stand there too. In the order in which they are preferred for that. */
export const entryFields = ['path', 'address', 'executable', 'comm', 'port', 'pid', 'uid', 'parentPid'] as const;
export type EntryField = (typeof entryFields)[number];

/** Texts are bytes, one a character; an address is its first bits, as characters 0 and 1. */
export type TextEntry = { readonly text: string; readonly exact: boolean };
export type KernelTests = {
  readonly texts: Readonly<Partial<Record<'path' | 'address' | 'executable' | 'comm', readonly TextEntry[]>>>;
  readonly numbers: Readonly<Partial<Record<'port' | 'pid' | 'uid' | 'parentPid', readonly number[]>>>;
  readonly result?: { readonly success: boolean; readonly failure: boolean; readonly errors: readonly number[] };
  readonly kernelThread?: boolean;
  readonly nestedPidNamespace?: boolean;
  /** A bit for each kind of event that can match. */
  readonly kinds: number;
};

/** `tests` is what the kernel can test; a record that the rule matches is matched by them. `missing` says what they leave out, a clause each. */
export type Translation = { readonly tests: KernelTests; readonly missing: readonly string[] };

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const globPattern = (glob: string): RegExp => {
  const parts = glob.match(/\\[*?\\]|[^]/g) ?? [];
  const source = parts.map((part) => (part === '*' ? '[^]*' : part === '?' ? '[^]' : escaped(part.length === 2 ? part[1]! : part)));
  return new RegExp(`^${source.join('')}$`, 'u');
};

/** Only for names of events, which are few. */
export const matchesName = ({ type, text }: TextTest, name: string): boolean => {
  if (type === 'exact') return name === text;
  return type === 'prefix' ? name.startsWith(text) : globPattern(text).test(name);
};

/** Bits of the kinds whose events have one of these names. */
export const kindsNamed = (tests: readonly TextTest[]): number =>
  maskOf(Object.entries(kinds).flatMap(([name, kind]) => (tests.some((test) => matchesName(test, name)) ? [kind] : [])));

const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');

const textEntries = (field: string, tests: readonly TextTest[], most: number, missing: string[]): readonly TextEntry[] | undefined => {
  const glob = tests.find(({ type }) => type === 'glob');
  if (glob !== undefined) {
    missing.push(`the glob ${JSON.stringify(glob.text)} of ${field} is neither a whole text nor its beginning`);
    return undefined;
  }
  const entries = tests.map(({ type, text }) => ({ text: bytesOf(text), exact: type === 'exact' }));
  const long = entries.find(({ text }) => text.length > most);
  if (long === undefined) return entries;
  missing.push(`a text of ${field} has ${long.text.length} bytes, and the kernel compares ${most}`);
  return undefined;
};

const MAPPED = '0'.repeat(80) + '1'.repeat(16);

const addressEntry = ({ bytes, bits }: AddressTest): TextEntry => {
  const all = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return { text: (bytes.length === 4 ? MAPPED : '') + all.slice(0, bits), exact: false };
};

/** Each port is an entry. */
const portEntries = (tests: readonly PortTest[], missing: string[]): readonly number[] | undefined => {
  const wide = tests.find(({ min, max }) => max - min >= MOST_PORTS);
  if (wide === undefined) return tests.flatMap(({ min, max }) => Array.from({ length: max - min + 1 }, (_, index) => min + index));
  missing.push(`the range ${wide.text} of port holds more than ${MOST_PORTS}`);
  return undefined;
};

const endFields = ['address', 'port', 'localAddress', 'localPort'] as const;

/** Fields that are known in user space only. */
const elsewhere = {
  user: 'names of users are known in user space only',
  parent: 'executables of parents are known in user space only',
  cgroup: 'paths of cgroups are known in user space only',
  container: 'containers are known in user space only',
  size: 'sizes are compared in user space only',
  localAddress: 'addresses of this end of a call are compared in user space only',
  localPort: 'ports of this end of a call are compared in user space only',
} as const;

export const translate = ({ tests }: Rule): Translation => {
  const missing: string[] = [];
  const texts: { -readonly [K in keyof KernelTests['texts']]: KernelTests['texts'][K] } = {};
  for (const [field, most] of [
    ['path', LONGEST_PATH_BYTES],
    ['executable', LONGEST_PATH_BYTES],
    ['comm', LONGEST_COMM_BYTES],
  ] as const) {
    const entries = tests[field] && textEntries(field, tests[field], most, missing);
    if (entries !== undefined) texts[field] = entries;
  }
  if (tests.address !== undefined) texts.address = tests.address.map(addressEntry);
  const numbers: { -readonly [K in keyof KernelTests['numbers']]: KernelTests['numbers'][K] } = {};
  for (const field of ['pid', 'uid', 'parentPid'] as const) if (tests[field] !== undefined) numbers[field] = tests[field];
  const ports = tests.port && portEntries(tests.port, missing);
  if (ports !== undefined) numbers.port = ports;
  for (const field of Object.keys(elsewhere) as (keyof typeof elsewhere)[]) if (tests[field] !== undefined) missing.push(elsewhere[field]);
  const { result } = tests;
  return {
    missing,
    tests: {
      texts,
      numbers,
      ...(result === undefined
        ? {}
        : {
            result: {
              success: result.some(({ type }) => type === 'success'),
              failure: result.some(({ type }) => type === 'failure'),
              errors: result.flatMap(({ type, errno }) => (type === 'error' ? [errno] : [])),
            },
          }),
      ...(tests.kernelThread === undefined ? {} : { kernelThread: tests.kernelThread }),
      ...(tests.nestedPidNamespace === undefined ? {} : { nestedPidNamespace: tests.nestedPidNamespace }),
      kinds:
        (tests.event === undefined ? CALL_KINDS : kindsNamed(tests.event)) &
        (tests.path === undefined ? CALL_KINDS : FILE_KINDS) &
        (endFields.every((field) => tests[field] === undefined) ? CALL_KINDS : PEER_KINDS),
    },
  };
};

/** True when every record of a system call matches. */
export const matchesAll = ({ texts, numbers, result, kernelThread, nestedPidNamespace, kinds: of }: KernelTests): boolean =>
  Object.keys(texts).length + Object.keys(numbers).length === 0 &&
  result === undefined &&
  kernelThread === undefined &&
  nestedPidNamespace === undefined &&
  of === CALL_KINDS;
