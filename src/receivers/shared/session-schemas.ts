/** How the columns of sessions become attributes. */
import type { AttributeField, EventSchema, FieldCondition } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { eventKind, netFlag, netTransport, sessionFlag } from '../../kernel/layouts.gen.ts';
import { sessionStateNames } from '../../kernel/sockets/needs.ts';
import { attributeName, eventName } from '../../otlp/names.ts';
import { familyNames, protocolNames, transportNames } from './network-names.ts';
import { attributionNames, roleNames } from './session-names.ts';

const flagged = (mask: number): FieldCondition => ({ column: 'flags', mask, is: 'set' });
const isClient = flagged(sessionFlag.isClient);
const isServer = flagged(sessionFlag.isServer);
const hasNoRole: FieldCondition = { column: 'flags', mask: sessionFlag.isClient | sessionFlag.isServer, is: 'clear' };
const isInet: FieldCondition = { column: 'netFlags', mask: netFlag.isInet, is: 'set' };
const isUnix: FieldCondition = { column: 'netFlags', mask: netFlag.isUnix, is: 'set' };
/** The numbers that the others have in place of a port are the id of an echo, or that of a protocol. */
const hasPorts: readonly FieldCondition[] = [
  isInet,
  { column: 'transport', value: netTransport.icmp, is: 'not' },
  { column: 'transport', value: netTransport.raw, is: 'not' },
];

type End = 'local' | 'peer';

const endFields = (column: End, address: string, port: string, when: readonly FieldCondition[] = []): readonly AttributeField[] => [
  { name: address, type: 'address', column, when: [...when, isInet] },
  { name: address, type: 'socketName', column, when: [...when, isUnix] },
  { name: port, type: 'u32', column: `${column}Port`, when: [...when, ...hasPorts, { column: `${column}Port`, mask: 0xffff, is: 'set' }] },
];

const { clientAddress, clientPort, serverAddress, serverPort } = attributeName;
const { sourceAddress, sourcePort, destinationAddress, destinationPort } = attributeName;

/** Who began it, as client and server; when that is not known, this end as the source. */
const roleFields: readonly AttributeField[] = [
  ...endFields('local', clientAddress, clientPort, [isClient]),
  ...endFields('peer', serverAddress, serverPort, [isClient]),
  ...endFields('peer', clientAddress, clientPort, [isServer]),
  ...endFields('local', serverAddress, serverPort, [isServer]),
  ...endFields('local', sourceAddress, sourcePort, [hasNoRole]),
  ...endFields('peer', destinationAddress, destinationPort, [hasNoRole]),
];

const hasState = flagged(sessionFlag.hasState);
const stateFields: readonly AttributeField[] = [
  { name: attributeName.networkConnectionState, type: 'enum', column: 'state', names: sessionStateNames, when: hasState },
];
const previousState: AttributeField = {
  name: attributeName.sessionPreviousState,
  type: 'enum',
  column: 'oldState',
  names: sessionStateNames,
  when: hasState,
};

const identityFields: readonly AttributeField[] = [
  { name: attributeName.sessionId, type: 'decimal', column: 'id' },
  { name: attributeName.sessionRole, type: 'enum', column: 'role', names: roleNames },
  { name: attributeName.attribution, type: 'enum', column: 'knownBy', names: attributionNames },
];

/** What is known of the socket, whatever the session. */
const socketFields: readonly AttributeField[] = [
  { name: attributeName.networkType, type: 'enum', column: 'family', names: familyNames },
  { name: attributeName.networkTransport, type: 'enum', column: 'transport', names: transportNames },
  { name: attributeName.networkProtocol, type: 'enum', column: 'transport', names: protocolNames },
  ...endFields('local', attributeName.networkLocalAddress, attributeName.networkLocalPort),
  ...endFields('peer', attributeName.networkPeerAddress, attributeName.networkPeerPort),
  { name: attributeName.peerProcessPid, type: 'u32', column: 'peerPid', when: { column: 'peerPid', mask: 0xffff_ffff, is: 'set' } },
  { name: attributeName.netnsCookie, type: 'u64', column: 'netnsCookie', when: { column: 'netnsCookieLo', mask: 0xffff_ffff, is: 'set' } },
  { name: attributeName.cgroupId, type: 'u64', column: 'cgroupId', when: { column: 'cgroupIdLo', mask: 0xffff_ffff, is: 'set' } },
];

const commonFields: readonly AttributeField[] = [...identityFields, ...roleFields, ...socketFields, ...stateFields];

const hasBytes = flagged(sessionFlag.hasBytes);
const outcomeFields: readonly AttributeField[] = [
  { name: attributeName.sessionBytesSent, type: 'u64', column: 'sent', when: hasBytes },
  { name: attributeName.sessionBytesReceived, type: 'u64', column: 'received', when: hasBytes },
  { name: attributeName.sessionBytesUnacknowledged, type: 'u64', column: 'unacked', when: flagged(sessionFlag.hasUnacked) },
  // TCP alone sends anything again
  { name: attributeName.sessionRetransmits, type: 'u32', column: 'retransmits', when: [hasBytes, hasState] },
  { name: attributeName.durationNs, type: 'u64', column: 'durationNs', when: flagged(sessionFlag.hasStart) },
  { name: attributeName.errorType, type: 'enum', column: 'error', names: errnoNames },
];

/** The events of sessions by kind of record, one object for each. */
export const sessionSchemas: ReadonlyMap<number, EventSchema> = new Map([
  [eventKind.sessionStart, { eventName: eventName.sessionStart, fields: commonFields }],
  // of TCP alone
  [
    eventKind.sessionState,
    {
      eventName: eventName.sessionState,
      fields: [...commonFields.filter(({ name }) => name !== attributeName.networkProtocol), previousState],
    },
  ],
  [eventKind.sessionEnd, { eventName: eventName.sessionEnd, fields: [...commonFields, previousState, ...outcomeFields] }],
  [eventKind.sessionListen, { eventName: eventName.sessionListen, fields: commonFields }],
]);
