/** Rules in plain words, one record at a time, without the code of the filter. */
import { isUtf8 } from 'node:buffer';
import type { AddressTest, PortTest, Rule, RuleSet, TextTest } from '../../../src/core/rules.ts';

export type ModelWho = {
  readonly comm: string;
  readonly executable: string | undefined;
  readonly user: string | undefined;
  readonly uid: number;
  readonly pid: number;
  readonly parent: string | undefined;
  readonly parentPid: number;
  readonly cgroup: string | undefined;
  readonly container: string | undefined;
  readonly kernelThread: boolean;
  readonly nestedPidNamespace: boolean;
};

/** Texts are bytes as latin1. */
export type ModelRecord = {
  readonly event: string;
  readonly who: ModelWho | undefined;
  readonly ret: number;
  readonly messages: boolean;
  readonly unverified: boolean;
  readonly path: string;
  readonly isCut: boolean;
  readonly isDetached: boolean;
  readonly isPseudo: boolean;
  readonly isInet: boolean;
  readonly peer: readonly number[];
  readonly port: number;
  /** One byte: any address; more than 16: a zone stands behind it. */
  readonly local: readonly number[];
  readonly localPort: number;
  /** Of sessions. */
  readonly manyPeers: boolean;
  readonly isEcho: boolean;
};

const has = {
  path: ['open', 'read', 'write', 'unlink'],
  peer: ['connect', 'accept', 'send', 'receive', 'close'],
  size: ['read', 'write', 'send', 'receive'],
};
const isOneOf = (event: string, names: readonly string[]): boolean => names.some((name) => event.endsWith(`.${name}`));

/** Characters of UTF-8; a byte that belongs to none is one by itself. */
const charactersOf = (latin1: string): readonly string[] => {
  const characters: string[] = [];
  for (let at = 0; at < latin1.length;) {
    const length = [4, 3, 2].find((size) => {
      const part = Buffer.from(latin1.slice(at, at + size), 'latin1');
      return part.length === size && isUtf8(part) && [...part.toString()].length === 1;
    });
    characters.push(latin1.slice(at, at + (length ?? 1)));
    at += length ?? 1;
  }
  return characters;
};
const latin1Of = (text: string): string => Buffer.from(text).toString('latin1');

const matchesGlob = (glob: string, text: string): boolean => {
  const wanted: string[] = [];
  for (const part of glob.match(/\\[*?\\]|[^]/gu) ?? [])
    if (part === '*' || part === '?') wanted.push(part);
    else
      wanted.push(...charactersOf(latin1Of(part.length === 2 && part[0] === '\\' ? part[1]! : part)).map((character) => `=${character}`));
  const characters = charactersOf(text);
  let places = new Set([0]);
  for (const one of wanted) {
    const next = new Set<number>();
    for (const place of places) {
      if (one === '*') for (let to = place; to <= characters.length; to++) next.add(to);
      else if (place < characters.length && (one === '?' || one === `=${characters[place]}`)) next.add(place + 1);
    }
    places = next;
  }
  return places.has(characters.length);
};

export const modelText = ({ type, text: wanted }: TextTest, text: string): boolean =>
  type === 'exact' ? text === latin1Of(wanted) : type === 'prefix' ? text.startsWith(latin1Of(wanted)) : matchesGlob(wanted, text);

const bitsOf = (bytes: Iterable<number>): string => {
  const all = [...bytes];
  const mapped = all.length === 4 ? '0'.repeat(80) + '1'.repeat(16) : '';
  return mapped + all.map((byte) => byte.toString(2).padStart(8, '0')).join('');
};
const modelAddress = ({ bytes, bits }: AddressTest, peer: readonly number[]): boolean => {
  const length = bits + (bytes.length === 4 ? 96 : 0);
  return bitsOf(bytes).slice(0, length) === bitsOf(peer).slice(0, length);
};

const isNowhere = (peer: readonly number[]): boolean => peer.every((byte) => byte === 0);
const addressOf = (shown: readonly number[]): readonly number[] =>
  shown.length === 1 ? Array.from({ length: 16 }, () => 0) : shown.slice(0, 16);
const modelPort = (tests: readonly PortTest[], number: number): boolean => tests.some(({ min, max }) => min <= number && number <= max);

const isUncertainPath = ({ event, ret, unverified, path, isCut, isDetached, isPseudo }: ModelRecord): boolean => {
  if (unverified || isCut || path === '' || (isDetached && !isPseudo)) return true;
  const isWord = event.endsWith('.unlink') || (event.endsWith('.open') && ret < 0);
  if (!isWord) return false;
  return (ret < 0 && ret !== -2) || !path.startsWith('/') || path.split('/').includes('..');
};

/** True, false, or 'perhaps' of a path or peer that is uncertain. */
const fieldHolds = (rule: Rule, record: ModelRecord): readonly (boolean | 'perhaps')[] => {
  const { tests } = rule;
  const { who } = record;
  const results: (boolean | 'perhaps')[] = [];
  for (const field of ['comm', 'executable', 'user', 'parent', 'cgroup', 'container'] as const) {
    const text = who?.[field];
    if (tests[field] !== undefined) results.push(text !== undefined && tests[field].some((test) => modelText(test, text)));
  }
  for (const field of ['uid', 'pid', 'parentPid'] as const)
    if (tests[field] !== undefined) results.push(who !== undefined && tests[field].includes(who[field]));
  for (const field of ['kernelThread', 'nestedPidNamespace'] as const)
    if (tests[field] !== undefined) results.push(who !== undefined && who[field] === tests[field]);
  if (tests.event !== undefined) results.push(tests.event.some((test) => modelText(test, record.event)));
  if (tests.path !== undefined) {
    if (!isOneOf(record.event, has.path)) results.push(false);
    else if (isUncertainPath(record)) results.push('perhaps');
    else results.push(tests.path.some((test) => modelText(test, record.path)));
  }
  const hasPorts = !record.isEcho || !record.event.startsWith('ringtail.session.');
  const isSession = record.event.startsWith('ringtail.session.');
  const endOf = (isPerhaps: boolean, isThere: boolean, holds: () => boolean): boolean | 'perhaps' => {
    if (!isSession && !isOneOf(record.event, has.peer)) return false;
    return isPerhaps ? 'perhaps' : record.isInet && isThere && holds();
  };
  const peerOf = (isThere: boolean, holds: () => boolean) => endOf(isSession ? record.manyPeers : record.unverified, isThere, holds);
  const localOf = (isThere: boolean, holds: () => boolean) => endOf(!isSession && record.unverified, isThere, holds);
  if (tests.address !== undefined)
    results.push(
      peerOf(record.peer.length > 0 && !(isSession && isNowhere(record.peer)), () =>
        tests.address!.some((test) => modelAddress(test, record.peer)),
      ),
    );
  if (tests.port !== undefined) results.push(peerOf(record.port !== 0 && hasPorts, () => modelPort(tests.port!, record.port)));
  if (tests.localAddress !== undefined)
    results.push(localOf(record.local.length > 0, () => tests.localAddress!.some((test) => modelAddress(test, addressOf(record.local)))));
  if (tests.localPort !== undefined)
    results.push(localOf(record.localPort !== 0 && hasPorts, () => modelPort(tests.localPort!, record.localPort)));
  if (tests.result !== undefined) {
    const knows = !record.event.endsWith('.exit') && !record.event.endsWith('.loss') && (!isSession || record.event.endsWith('.end'));
    results.push(
      knows &&
        tests.result.some(({ type, errno }) =>
          type === 'success' ? record.ret >= 0 : type === 'failure' ? record.ret < 0 : record.ret === -errno,
        ),
    );
  }
  if (tests.size !== undefined) {
    const knows = isOneOf(record.event, has.size) && record.ret >= 0 && !record.messages;
    results.push(
      knows && tests.size.some(({ min, max }) => (min === undefined || record.ret >= min) && (max === undefined || record.ret <= max)),
    );
  }
  return results;
};

/** The id of the rule that drops the record. */
export const modelVerdict = ({ rules, neverDrop }: RuleSet, record: ModelRecord): string | undefined => {
  if (neverDrop.some((test) => modelText(test, record.event))) return undefined;
  for (const stage of ['process', 'context']) {
    const ofStage = rules.filter((rule) => rule.stage === stage);
    const drop = ofStage.find((rule) => rule.action === 'drop' && fieldHolds(rule, record).every((result) => result === true));
    const kept = ofStage.some((rule) => rule.action === 'keep' && fieldHolds(rule, record).every((result) => result !== false));
    if (drop !== undefined && !kept) return drop.id;
  }
  return undefined;
};
