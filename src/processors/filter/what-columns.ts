/** Where a kind of event has what rules ask of it. */
import { LENGTH_MASK, type Batch, type Column, type EventSchema } from '../../core/batch.ts';
import { isZero } from '../../core/bytes.ts';
import { callFlag, callId, netFlag, netTransport, sessionFlag } from '../../kernel/layouts.gen.ts';
import { attributeName, eventName } from '../../otlp/names.ts';
import { fieldState, type What, type WhatEnd, type WhatField } from './compiled-rules.ts';
import { endStateOf, pathOriginOf, pathStateOf } from './uncertain.ts';

const fileEvents: ReadonlySet<string> = new Set([eventName.fileOpen, eventName.fileRead, eventName.fileWrite, eventName.fileUnlink]);
const networkEvents: ReadonlySet<string> = new Set([
  eventName.networkConnect,
  eventName.networkAccept,
  eventName.networkSend,
  eventName.networkReceive,
  eventName.networkClose,
]);
const sessionEvents: ReadonlySet<string> = new Set([
  eventName.sessionStart,
  eventName.sessionState,
  eventName.sessionEnd,
  eventName.sessionListen,
]);
export const isSession = (event: string): boolean => sessionEvents.has(event);
const sizedEvents: ReadonlySet<string> = new Set([
  eventName.fileRead,
  eventName.fileWrite,
  eventName.networkSend,
  eventName.networkReceive,
]);
/** Of these the kernel returns a number of messages. */
const messageCalls: ReadonlySet<number> = new Set([callId.sendmmsg, callId.recvmmsg]);

/** The columns of a batch, as far as it has them; `undefined` where the field is not told. */
export type WhatColumns = {
  readonly has: ReadonlySet<WhatField>;
  /** Fills `what` for a row, but for what no rule asks. */
  fill(what: What, row: number): void;
};

const isTold = ({ fields }: EventSchema, name: string): boolean => fields.some((field) => field.name === name);

/** Of a session only the end has one. */
const hasResult = (event: string): boolean =>
  event !== eventName.processExit &&
  event !== eventName.loss &&
  event !== eventName.processFork &&
  (!isSession(event) || event === eventName.sessionEnd);

/** Fields that events of this name may have. */
export const fieldsOfEvent = (event: string): ReadonlySet<WhatField> =>
  new Set<WhatField>([
    ...(fileEvents.has(event) ? (['path'] as const) : []),
    ...(networkEvents.has(event) || isSession(event) ? (['address', 'port', 'localAddress', 'localPort'] as const) : []),
    ...(sizedEvents.has(event) ? (['size'] as const) : []),
    ...(hasResult(event) ? (['result'] as const) : []),
  ]);

/** The address of a dual-stack socket that is bound to none is told as one byte; it counts as `::`. */
const UNSPECIFIED = new Uint8Array(16);
const ADDRESS_BYTES = 16;

const clearEnd = (end: WhatEnd): void => {
  end.address = fieldState.absent;
  end.port = fieldState.absent;
};

/** What a processor before took off the records is not there for rules either. */
export const whatColumnsOf = ({ kind, columns, frame: { strings } }: Batch, asked: ReadonlySet<WhatField>): WhatColumns => {
  const { path, pathFlags, callFlags, call, netFlags, transferredLo, transferredHi } = columns;
  const may = fieldsOfEvent(kind.eventName);
  const isOfSession = isSession(kind.eventName);
  const ret = isOfSession ? columns['error'] : columns['ret'];
  const hasPath = path !== undefined && may.has('path') && isTold(kind, attributeName.filePath);
  const hasColumn = (field: WhatField, column: string, name: string): boolean =>
    columns[column] !== undefined && may.has(field) && isTold(kind, name);
  const hasPeer = hasColumn('address', 'peer', attributeName.networkPeerAddress);
  const hasPort = hasColumn('port', 'peerPort', attributeName.networkPeerPort);
  const hasLocal = hasColumn('localAddress', 'local', attributeName.networkLocalAddress);
  const hasLocalPort = hasColumn('localPort', 'localPort', attributeName.networkLocalPort);
  const hasRet = ret !== undefined && may.has('result');
  const hasSize = (ret !== undefined || transferredLo !== undefined) && may.has('size') && isTold(kind, attributeName.ioTransferred);
  const has = new Set<WhatField>([
    ...(hasPath ? (['path'] as const) : []),
    ...(hasPeer ? (['address'] as const) : []),
    ...(hasPort ? (['port'] as const) : []),
    ...(hasLocal ? (['localAddress'] as const) : []),
    ...(hasLocalPort ? (['localPort'] as const) : []),
    ...(hasRet ? (['result'] as const) : []),
    ...(hasSize ? (['size'] as const) : []),
  ]);
  const wantsPath = hasPath && asked.has('path');
  const wantsPeer = (hasPeer && asked.has('address')) || (hasPort && asked.has('port'));
  const wantsLocal = (hasLocal && asked.has('localAddress')) || (hasLocalPort && asked.has('localPort'));
  const peer = hasPeer ? columns['peer'] : undefined;
  const peerPort = hasPort ? columns['peerPort'] : undefined;
  const local = hasLocal ? columns['local'] : undefined;
  const localPort = hasLocalPort ? columns['localPort'] : undefined;
  const origin = pathOriginOf(kind.eventName);
  const { bytes, offsets, lengths } = strings;

  const fillPath = (what: What, row: number): void => {
    const id = path![row]!;
    what.pathStart = offsets[id]!;
    what.pathEnd = what.pathStart + (lengths[id]! & LENGTH_MASK);
    what.pathBytes = bytes;
    what.path = pathStateOf(origin, what.ret, callFlags?.[row] ?? 0, pathFlags?.[row] ?? 0, bytes, what.pathStart, what.pathEnd);
  };
  const { flags, transport } = columns;
  const hasPorts = (row: number): boolean =>
    !isOfSession || transport === undefined || (transport[row] !== netTransport.icmp && transport[row] !== netTransport.raw);
  const isUnsure = (row: number, isPeer: boolean): boolean =>
    isOfSession ? isPeer && ((flags?.[row] ?? 0) & sessionFlag.manyPeers) !== 0 : ((callFlags?.[row] ?? 0) & callFlag.isUnverified) !== 0;

  const fillAddress = (end: WhatEnd, id: number, isPeer: boolean): void => {
    const length = lengths[id]! & LENGTH_MASK;
    const isDual = isOfSession && length === 1;
    end.bytes = isDual ? UNSPECIFIED : bytes;
    end.start = isDual ? 0 : offsets[id]!;
    // a zone may stand behind it
    end.length = isDual || length > ADDRESS_BYTES ? ADDRESS_BYTES : length;
    if (isOfSession && isPeer && isZero(end.bytes, end.start, end.length)) end.length = 0;
  };
  const fillEnd = (end: WhatEnd, row: number, isPeer: boolean, ids: Column | undefined, ports: Column | undefined): void => {
    const isInet = netFlags === undefined || (netFlags[row]! & netFlag.isInet) !== 0;
    const unsure = isUnsure(row, isPeer);
    end.length = 0;
    if (isInet && ids !== undefined) fillAddress(end, ids[row]!, isPeer);
    end.number = isInet && ports !== undefined && hasPorts(row) ? ports[row]! : 0;
    end.address = ids === undefined ? fieldState.absent : endStateOf(unsure, end.length > 0);
    end.port = ports === undefined ? fieldState.absent : endStateOf(unsure, end.number !== 0);
  };
  const sizeOf = (what: What, row: number): number => {
    if (!hasSize) return -1;
    if (transferredLo !== undefined) return (transferredHi?.[row] ?? 0) * 0x1_0000_0000 + transferredLo[row]!;
    return what.ret < 0 || (call !== undefined && messageCalls.has(call[row]!)) ? -1 : what.ret;
  };

  return {
    has,
    fill(what, row) {
      what.hasRet = hasRet;
      what.ret = ret === undefined ? 0 : ret[row]! | 0;
      what.size = sizeOf(what, row);
      what.path = fieldState.absent;
      if (wantsPath) fillPath(what, row);
      if (wantsPeer) fillEnd(what.peer, row, true, peer, peerPort);
      else clearEnd(what.peer);
      if (wantsLocal) fillEnd(what.local, row, false, local, localPort);
      else clearEnd(what.local);
    },
  };
};
