/** Packets by the name of their interface, as metrics. */
import type { Attribute } from '../../core/batch.ts';
import { packetFamily, packetTransport } from '../../kernel/layouts.gen.ts';
import { attributeName, metricAttributeName, metricName } from '../../otlp/names.ts';
import type { SeriesDefinition, SeriesMetric } from '../shared/series/types.ts';
import { nameKey, packetWord } from './by-name.ts';

const COUNTS = 0;
const REST = 1;
const KEY = [[nameKey.name, nameKey.transport + 1]] as const;

/** `network.type` by `enum packet_family`. */
const typeNames: ReadonlyMap<number, string> = new Map([
  [packetFamily.ipv4, 'ipv4'],
  [packetFamily.ipv6, 'ipv6'],
  [packetFamily.other, 'other'],
]);
/** What an IP packet carries, as sessions of sockets name it; any other packet has neither. */
const carried: ReadonlyMap<number, Attribute> = new Map([
  [packetTransport.tcp, [attributeName.networkTransport, 'tcp']],
  [packetTransport.udp, [attributeName.networkTransport, 'udp']],
  [packetTransport.icmp, [attributeName.networkProtocol, 'icmp']],
]);

export const nameNumberIn = (keys: Buffer, at: number): number => Number(keys.readBigUInt64LE(at + nameKey.name));

/** `nameOf`: of the interface of this number. */
export const packetSeries = (nameOf: (number: number) => string): SeriesDefinition => {
  const counted = (metric: Pick<SeriesMetric, 'name' | 'description' | 'unit'>, word: number): SeriesDefinition['metrics'][number] => ({
    ...metric,
    type: 'counter',
    parts: [
      { reading: COUNTS, tells: KEY, words: [word] },
      { reading: REST, tells: [], words: [word], isRest: true },
    ],
    attributesOf(keys, at) {
      const transport = carried.get(keys[at + nameKey.transport]!);
      return [
        [metricAttributeName.networkInterfaceName, nameOf(nameNumberIn(keys, at))],
        [attributeName.networkType, typeNames.get(keys[at + nameKey.family]!) ?? 'other'],
        ...(transport === undefined ? [] : [transport]),
      ];
    },
  });
  return {
    keyBytes: nameKey.size,
    cgroupAt: nameKey.name,
    metrics: [
      counted({ name: metricName.packetCount, description: 'Packets that arrived.', unit: '{packet}' }, packetWord.packets),
      counted({ name: metricName.packetIo, description: 'Bytes of packets that arrived.', unit: 'By' }, packetWord.bytes),
    ],
  };
};
