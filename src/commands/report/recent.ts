/** One of the most recent sessions, as `ringtail events` shows it. */
import type { Attribute } from '../../core/batch.ts';
import type { RecentSession } from '../../live/report/types.ts';
import { attributeName as name, eventName, resourceName } from '../../otlp/names.ts';
import { eventLine, type LineOptions } from '../../text/line.ts';

/** Of a container of which nothing else is known. */
const SOME_CONTAINER = 'CTR';

const unixNsOf = (time: string): bigint => {
  const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return BigInt(Math.trunc(Date.parse(`${seconds}Z`) || 0)) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
};

const attributesOf = (session: RecentSession): readonly Attribute[] => {
  const { transport, role, local, peer, process, pid, user, container, sentBytes, receivedBytes, error } = session;
  return [
    [transport === 'icmp' || transport === 'raw' ? name.networkProtocol : name.networkTransport, transport],
    [name.sessionRole, role],
    ...(local === '' ? [] : [[name.networkLocalAddress, local] as const]),
    ...(peer === '' ? [] : [[name.networkPeerAddress, peer] as const]),
    ...(pid === 0
      ? [[name.attribution, 'none'] as const]
      : ([
          [name.processPid, pid],
          [name.processExecutablePath, process],
          [name.processOwner, user],
        ] as const)),
    ...(container === '' ? [] : [[name.container, true] as const]),
    ...(sentBytes === undefined ? [] : [[name.sessionBytesSent, sentBytes] as const]),
    ...(receivedBytes === undefined ? [] : [[name.sessionBytesReceived, receivedBytes] as const]),
    ...(error === undefined ? [] : [[name.errorType, error] as const]),
  ];
};

export const recentLine = (session: RecentSession, options: LineOptions): string => {
  const { container } = session;
  return eventLine(
    {
      name: session.what === 'opened' ? eventName.sessionStart : eventName.sessionEnd,
      unixNs: unixNsOf(session.time),
      attributes: attributesOf(session),
      ...(container !== '' && container !== SOME_CONTAINER && { resource: [[resourceName.containerName, container]] }),
    },
    { ...options, containers: true },
  );
};
