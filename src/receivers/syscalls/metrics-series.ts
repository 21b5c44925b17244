/** What the kernel counts of system calls, as metrics. */
import type { Attribute } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { callWord } from '../../kernel/calls/counts.ts';
import { callId, mapLayout } from '../../kernel/layouts.gen.ts';
import { attributeName, metricName } from '../../otlp/names.ts';
import { callGroups, callNameOf } from '../shared/call-names.ts';
import type { SeriesDefinition, SeriesPart } from '../shared/series/types.ts';
import { NAME_AT, NAMED_KEY_BYTES, nameIn } from './executables.ts';

const key = mapLayout.callCountKey;
const COUNTS = 0;
const OVERFLOW = 1;

const tells: SeriesPart['tells'] = [
  [key.cgroupId, key.cgroupId + 8],
  [key.netnsCookie, key.netnsCookie + 8],
  [key.call, key.call + 2],
  [key.error, key.error + 2],
  [NAME_AT, NAMED_KEY_BYTES],
];

export const callOf = (keys: Buffer, at: number): number => keys.readUInt16LE(at + key.call);
export const callOfOverflow = (keys: Buffer, at: number): number => keys.readUInt32LE(at);

const readOrWrite: ReadonlySet<number> = new Set(callGroups.io.map((name) => callId[name]));

const attributesOf = (keys: Buffer, at: number): readonly Attribute[] => {
  const call = callOf(keys, at);
  const errno = keys.readUInt16LE(at + key.error);
  const name = nameIn(keys, at);
  const cgroupId = keys.readBigUInt64LE(at + key.cgroupId);
  const netnsCookie = keys.readBigUInt64LE(at + key.netnsCookie);
  return [
    [attributeName.syscallName, callNameOf.get(call) ?? String(call)],
    ...(name === '' ? [] : [[attributeName.processExecutableName, name] as const]),
    ...(errno === 0 ? [] : [[attributeName.errorType, errnoNames.get(-errno) ?? String(errno)] as const]),
    ...(cgroupId === 0n ? [] : [[attributeName.cgroupId, cgroupId] as const]),
    ...(netnsCookie === 0n ? [] : [[attributeName.netnsCookie, netnsCookie] as const]),
  ];
};

export const callSeries: SeriesDefinition = {
  keyBytes: NAMED_KEY_BYTES,
  cgroupAt: key.cgroupId,
  metrics: [
    {
      name: metricName.syscallCount,
      description: 'System calls that ended.',
      unit: '{call}',
      type: 'counter',
      parts: [
        { reading: COUNTS, tells, words: [callWord.calls] },
        { reading: OVERFLOW, tells: [], words: [callWord.calls], isRest: true },
      ],
      attributesOf,
    },
    {
      name: metricName.fileIo,
      description: 'Bytes that reads and writes transferred.',
      unit: 'By',
      type: 'counter',
      parts: [
        { reading: COUNTS, tells, words: [callWord.bytes], only: (keys, at) => readOrWrite.has(callOf(keys, at)) },
        {
          reading: OVERFLOW,
          tells: [],
          words: [callWord.bytes],
          isRest: true,
          only: (keys, at) => readOrWrite.has(callOfOverflow(keys, at)),
        },
      ],
      attributesOf,
    },
  ],
};
