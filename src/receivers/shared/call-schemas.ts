/** How the columns of system calls become attributes. */
import type { AttributeField, EventSchema, FieldCondition } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { callFlag, callId, eventKind, fileKind, netFlag, pathFlag } from '../../kernel/layouts.gen.ts';
import { attributeName, eventName } from '../../otlp/names.ts';
import { openFlagNames, unlinkFlagNames, type Machine } from './call-flags.ts';
import { callNameOf } from './call-names.ts';
import { familyNames, protocolNames, transportNames } from './network-names.ts';
import { cloneFlagNames } from './process-names.ts';

const flagged = (mask: number): FieldCondition => ({ column: 'callFlags', mask, is: 'set' });
const succeeded: FieldCondition = { column: 'ret', mask: 0x8000_0000, is: 'clear' };
/** A name in it could not be read. */
const pathIsWhole: FieldCondition = { column: 'pathFlags', mask: pathFlag.fault, is: 'clear' };
const isInet: FieldCondition = { column: 'netFlags', mask: netFlag.isInet, is: 'set' };
const isUnix: FieldCondition = { column: 'netFlags', mask: netFlag.isUnix, is: 'set' };
const hasSize: FieldCondition = { column: 'netFlags', mask: netFlag.hasSize, is: 'set' };
/** What they return is a number of messages. */
const countsBytes: readonly FieldCondition[] = [callId.sendmmsg, callId.recvmmsg].map((value) => ({ column: 'call', value, is: 'not' }));

const callFields: readonly AttributeField[] = [
  { name: attributeName.syscallName, type: 'enum', column: 'call', names: callNameOf },
  { name: attributeName.syscallReturn, type: 'i32', column: 'ret' },
  { name: attributeName.errorType, type: 'enum', column: 'ret', names: errnoNames },
];

const unverifiedBy = (mask: number): AttributeField => ({ name: attributeName.unverified, type: 'bool', column: 'callFlags', mask });
const unverified = unverifiedBy(callFlag.isUnverified);

const pathFields: readonly AttributeField[] = [
  { name: attributeName.filePath, type: 'string', column: 'path', when: pathIsWhole },
  { name: attributeName.pathTruncated, type: 'bool', column: 'pathFlags', mask: pathFlag.truncated },
];

const deleted: AttributeField = { name: attributeName.fileDeleted, type: 'bool', column: 'pathFlags', mask: pathFlag.deleted };

/** Of calls that take a path: what was asked for, and where that has its meaning. */
const placeFields: readonly AttributeField[] = [
  { name: attributeName.fileRequested, type: 'string', column: 'name' },
  { name: attributeName.fileRoot, type: 'string', column: 'root' },
  { name: attributeName.mountNamespace, type: 'u32', column: 'mountNs', when: flagged(callFlag.inMountNs) },
];

const openSchema = (machine: Machine): EventSchema => ({
  eventName: eventName.fileOpen,
  fields: [
    ...callFields,
    ...pathFields,
    { name: attributeName.fileName, type: 'fileName', column: 'path', when: pathIsWhole },
    ...placeFields,
    { name: attributeName.fileFlags, type: 'flags', column: 'flagsLo', high: 'flagsHi', names: openFlagNames(machine) },
    { name: attributeName.fileMode, type: 'octal', column: 'mode', when: flagged(callFlag.hasMode) },
    { name: attributeName.fileInode, type: 'decimal', column: 'inode', when: flagged(callFlag.hasFile) },
    { name: attributeName.fd, type: 'i32', column: 'ret', when: succeeded },
    deleted,
    // nothing was opened: the path is the caller's word
    unverifiedBy(callFlag.isUnverified | callFlag.hasFailed),
  ],
});

const unlinkSchema: EventSchema = {
  eventName: eventName.fileUnlink,
  fields: [
    ...callFields,
    ...pathFields,
    ...placeFields,
    { name: attributeName.fileFlags, type: 'flags', column: 'flags', names: unlinkFlagNames },
    unverified,
  ],
};

const fileKindNames: ReadonlyMap<number, string> = new Map([
  [fileKind.regular, 'regular'],
  [fileKind.directory, 'directory'],
  [fileKind.symlink, 'symlink'],
  [fileKind.blockDevice, 'device'],
  [fileKind.characterDevice, 'device'],
  [fileKind.pipe, 'pipe'],
  [fileKind.socket, 'socket'],
  [fileKind.anonymous, 'anonymous'],
]);

/** The descriptor and what is behind it. */
const ioFields: readonly AttributeField[] = [
  { name: attributeName.fd, type: 'i32', column: 'fd', when: flagged(callFlag.hasFd) },
  ...pathFields,
  deleted,
  { name: attributeName.fileKind, type: 'enum', column: 'fileKind', names: fileKindNames },
  unverified,
  { name: attributeName.ioRequested, type: 'u64', column: 'requested' },
];

const ioSchema = (name: string): EventSchema => ({
  eventName: name,
  fields: [...callFields, ...ioFields, { name: attributeName.ioTransferred, type: 'u32', column: 'ret', when: succeeded }],
});

/**
 * Reads or writes of one process and file that were added up: the columns `call`, `callFlags`, `fd`, `path`, `pathFlags` and `fileKind` as a record of
 * one call has them, and `requested`, `transferred`, `calls` and `windowNs` as 64-bit numbers.
 */
const totalSchema = (name: string): EventSchema => ({
  eventName: name,
  fields: [
    { name: attributeName.syscallName, type: 'enum', column: 'call', names: callNameOf },
    ...ioFields,
    { name: attributeName.ioTransferred, type: 'u64', column: 'transferred' },
    { name: attributeName.ioCalls, type: 'u64', column: 'calls' },
    { name: attributeName.windowNs, type: 'u64', column: 'windowNs' },
  ],
});

const addressFields = (column: 'local' | 'peer', address: string, port: string): readonly AttributeField[] => [
  { name: address, type: 'address', column, when: isInet },
  { name: address, type: 'socketName', column, when: isUnix },
  { name: port, type: 'u32', column: `${column}Port`, when: [isInet, { column: `${column}Port`, mask: 0xffff, is: 'set' }] },
];

const socketFields: readonly AttributeField[] = [
  { name: attributeName.fd, type: 'i32', column: 'fd', when: flagged(callFlag.hasFd) },
  { name: attributeName.networkType, type: 'enum', column: 'family', names: familyNames },
  { name: attributeName.networkTransport, type: 'enum', column: 'transport', names: transportNames },
  { name: attributeName.networkProtocol, type: 'enum', column: 'transport', names: protocolNames },
  ...addressFields('local', attributeName.networkLocalAddress, attributeName.networkLocalPort),
  ...addressFields('peer', attributeName.networkPeerAddress, attributeName.networkPeerPort),
  { name: attributeName.netnsCookie, type: 'u64', column: 'netnsCookie', when: { column: 'netnsCookieLo', mask: 0xffff_ffff, is: 'set' } },
  unverified,
];

const socketSchema = (name: string): EventSchema => ({ eventName: name, fields: [...callFields, ...socketFields] });

const messageSchema = (name: string): EventSchema => ({
  eventName: name,
  fields: [
    ...callFields,
    ...socketFields,
    { name: attributeName.ioRequested, type: 'u64', column: 'requested', when: hasSize },
    { name: attributeName.ioTransferred, type: 'u32', column: 'ret', when: [succeeded, ...countsBytes] },
  ],
});

const failedSchema: EventSchema = {
  eventName: eventName.syscallFailed,
  fields: [
    ...callFields,
    { name: attributeName.cloneFlags, type: 'flags', column: 'cloneFlagsLo', high: 'cloneFlagsHi', names: cloneFlagNames },
  ],
};

/** Kinds of frames that user space makes of what the kernel added up; beyond those of the kernel. */
export const totalKind = { read: 30, write: 31 } as const;

const schemasOf = (machine: Machine): ReadonlyMap<number, EventSchema> =>
  new Map([
    [eventKind.open, openSchema(machine)],
    [eventKind.read, ioSchema(eventName.fileRead)],
    [eventKind.write, ioSchema(eventName.fileWrite)],
    [eventKind.unlink, unlinkSchema],
    [eventKind.connect, socketSchema(eventName.networkConnect)],
    [eventKind.accept, socketSchema(eventName.networkAccept)],
    [eventKind.send, messageSchema(eventName.networkSend)],
    [eventKind.receive, messageSchema(eventName.networkReceive)],
    [eventKind.close, socketSchema(eventName.networkClose)],
    [eventKind.callFailed, failedSchema],
    [totalKind.read, totalSchema(eventName.fileRead)],
    [totalKind.write, totalSchema(eventName.fileWrite)],
  ]);

const schemas: Readonly<Record<Machine, ReadonlyMap<number, EventSchema>>> = {
  x86_64: schemasOf('x86_64'),
  aarch64: schemasOf('aarch64'),
};

/** The events of system calls by kind of record, one object for each, as the calls of this machine are. */
export const callSchemas = (machine: string): ReadonlyMap<number, EventSchema> => schemas[machine === 'aarch64' ? 'aarch64' : 'x86_64'];
