/** Records whose process stands in attributes and in no actor: those of a replayed OTLP file. */
import type { Attribute, AttributeValue, Batch } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { callFlag, pathFlag } from '../../kernel/layouts.gen.ts';
import { isZero } from '../../core/bytes.ts';
import { rowReaderOf } from '../../otlp/log-text.ts';
import { attributeName, eventName } from '../../otlp/names.ts';
import { parseAddress } from './address-tests.ts';
import type { Who } from './compiled-rules.ts';
import type { JudgedRecord } from './judge.ts';
import { fieldsOfEvent, isSession } from './what-columns.ts';
import { containerOf } from './who-reader.ts';

const utf8 = new TextEncoder();
const NONE = new Uint8Array(0);
const numbersOfErrors: ReadonlyMap<string, number> = new Map(Array.from(errnoNames, ([number, name]) => [name, number]));
type Values = ReadonlyMap<string, AttributeValue>;

const textOf = (values: Values, name: string): string | undefined => {
  const value = values.get(name);
  return typeof value === 'string' ? value : undefined;
};
const bytesOf = (text: string | undefined): Uint8Array | undefined => (text === undefined ? undefined : utf8.encode(text));
const numberOf = (values: Values, name: string): number | undefined => {
  const value = values.get(name);
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
};
const isTrue = (values: Values, name: string): boolean => values.get(name) === true;

/** Without a pid nobody did it. */
const whoOf = (values: Values): Who | undefined => {
  const pid = numberOf(values, attributeName.processPid);
  if (pid === undefined) return undefined;
  const cgroup = textOf(values, attributeName.processLinuxCgroup);
  const ancestors = values.get(attributeName.ancestors);
  const isWhole = !isTrue(values, attributeName.pathTruncated);
  return {
    comm: utf8.encode(textOf(values, attributeName.threadComm) ?? ''),
    executable: isWhole ? bytesOf(textOf(values, attributeName.processExecutablePath)) : undefined,
    user: bytesOf(textOf(values, attributeName.processOwner)),
    uid: numberOf(values, attributeName.processUserId) ?? -1,
    pid,
    parent: Array.isArray(ancestors) ? bytesOf(ancestors[0]) : undefined,
    parentPid: numberOf(values, attributeName.processParentPid) ?? -1,
    cgroup: bytesOf(cgroup),
    container: bytesOf(cgroup === undefined ? undefined : containerOf(cgroup)),
    kernelThread: isTrue(values, attributeName.kernelThread),
    nestedPidNamespace: values.has(attributeName.processVpid),
  };
};

/** The end of a session names its error, or has none. */
const resultOf = (values: Values, event: string): number | undefined => {
  if (event !== eventName.sessionEnd) return numberOf(values, attributeName.syscallReturn);
  const error = textOf(values, attributeName.errorType);
  return error === undefined ? 0 : (numbersOfErrors.get(error) ?? -1);
};

/** As records show it: `*` for any address, a zone behind one of a link. */
const parseShown = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : parseAddress(text === '*' ? '::' : text.split('%')[0]!);

const recordOf = (event: string, attributes: readonly Attribute[]): JudgedRecord => {
  const values: Values = new Map(attributes);
  const fields = fieldsOfEvent(event);
  const ret = fields.has('result') ? resultOf(values, event) : undefined;
  const addressOf = (name: string): Uint8Array => parseShown(textOf(values, name)) ?? NONE;
  const peer = addressOf(attributeName.networkPeerAddress);
  // every failed open says that its path is the caller's word, which does not make it uncertain
  const isWord = event === eventName.fileOpen && (ret ?? 0) < 0;
  return {
    event,
    who: whoOf(values),
    path: fields.has('path') ? utf8.encode(textOf(values, attributeName.filePath) ?? '') : undefined,
    pathFlags: isTrue(values, attributeName.pathTruncated) ? pathFlag.truncated : 0,
    callFlags: isTrue(values, attributeName.unverified) && !isWord ? callFlag.isUnverified : 0,
    ret,
    peer: fields.has('address') ? (isSession(event) && isZero(peer, 0, peer.length) ? NONE : peer) : undefined,
    peerPort: numberOf(values, attributeName.networkPeerPort),
    local: fields.has('localAddress') ? addressOf(attributeName.networkLocalAddress) : undefined,
    localPort: numberOf(values, attributeName.networkLocalPort),
    size: fields.has('size') ? numberOf(values, attributeName.ioTransferred) : undefined,
  };
};

/** True when the attributes of the rows say who did it. */
export const isOfAttributes = ({ frame, rowAttributes }: Batch): boolean =>
  frame.actors.count === 0 && rowAttributes.some(({ source: { names } }) => names === undefined);

/** A function from a row to the record that rules judge. */
export const recordReaderOf = (batch: Batch): ((row: number) => JudgedRecord) => {
  const read = rowReaderOf(batch);
  return (row) => recordOf(batch.kind.eventName, read(row));
};
