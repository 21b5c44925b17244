/** Where a kind of event has what rules ask of it. */
import { LENGTH_MASK, type Batch, type EventSchema } from '../../core/batch.ts';
import { callId, netFlag } from '../../kernel/layouts.gen.ts';
import { attributeName, eventName } from '../../otlp/names.ts';
import { fieldState, type What, type WhatField } from './compiled-rules.ts';
import { pathOriginOf, pathStateOf, peerStateOf } from './uncertain.ts';

const fileEvents: ReadonlySet<string> = new Set([eventName.fileOpen, eventName.fileRead, eventName.fileWrite, eventName.fileUnlink]);
const networkEvents: ReadonlySet<string> = new Set([
  eventName.networkConnect,
  eventName.networkAccept,
  eventName.networkSend,
  eventName.networkReceive,
  eventName.networkClose,
]);
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

/** Fields that events of this name may have. */
export const fieldsOfEvent = (event: string): ReadonlySet<WhatField> =>
  new Set<WhatField>([
    ...(fileEvents.has(event) ? (['path'] as const) : []),
    ...(networkEvents.has(event) ? (['address', 'port'] as const) : []),
    ...(sizedEvents.has(event) ? (['size'] as const) : []),
    ...(event === eventName.processExit || event === eventName.loss || event === eventName.processFork ? [] : (['result'] as const)),
  ]);

/** What a processor before took off the records is not there for rules either. */
export const whatColumnsOf = ({ kind, columns, frame: { strings } }: Batch, asked: ReadonlySet<WhatField>): WhatColumns => {
  const { path, pathFlags, callFlags, ret, call, peer, peerPort, netFlags, transferredLo, transferredHi } = columns;
  const may = fieldsOfEvent(kind.eventName);
  const hasPath = path !== undefined && may.has('path') && isTold(kind, attributeName.filePath);
  const hasPeer = peer !== undefined && may.has('address') && isTold(kind, attributeName.networkPeerAddress);
  const hasPort = peerPort !== undefined && may.has('port') && isTold(kind, attributeName.networkPeerPort);
  const hasRet = ret !== undefined && may.has('result');
  const hasSize = (ret !== undefined || transferredLo !== undefined) && may.has('size') && isTold(kind, attributeName.ioTransferred);
  const has = new Set<WhatField>([
    ...(hasPath ? (['path'] as const) : []),
    ...(hasPeer ? (['address'] as const) : []),
    ...(hasPort ? (['port'] as const) : []),
    ...(hasRet ? (['result'] as const) : []),
    ...(hasSize ? (['size'] as const) : []),
  ]);
  const wantsPath = hasPath && asked.has('path');
  const wantsPeer = (hasPeer && asked.has('address')) || (hasPort && asked.has('port'));
  const origin = pathOriginOf(kind.eventName);
  const { bytes, offsets, lengths } = strings;

  const fillPath = (what: What, row: number): void => {
    const id = path![row]!;
    what.pathStart = offsets[id]!;
    what.pathEnd = what.pathStart + (lengths[id]! & LENGTH_MASK);
    what.pathBytes = bytes;
    what.path = pathStateOf(origin, what.ret, callFlags?.[row] ?? 0, pathFlags?.[row] ?? 0, bytes, what.pathStart, what.pathEnd);
  };
  const fillPeer = (what: What, row: number): void => {
    const flags = callFlags?.[row] ?? 0;
    const isInet = netFlags === undefined || (netFlags[row]! & netFlag.isInet) !== 0;
    const id = peer === undefined ? 0 : peer[row]!;
    what.peerStart = offsets[id]!;
    what.peerLength = isInet ? lengths[id]! & LENGTH_MASK : 0;
    what.peerBytes = bytes;
    what.peer = hasPeer ? peerStateOf(flags, what.peerLength > 0) : fieldState.absent;
    what.peerPort = isInet && hasPort ? peerPort[row]! : 0;
    what.port = hasPort ? peerStateOf(flags, what.peerPort !== 0) : fieldState.absent;
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
      what.peer = fieldState.absent;
      what.port = fieldState.absent;
      if (wantsPeer) fillPeer(what, row);
    },
  };
};
