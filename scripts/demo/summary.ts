/** The ground truth for people. */
import { formatTable } from '../../src/commands/table.ts';
import { amountText } from '../../src/core/amount-text.ts';
import { durationText } from '../../src/core/duration-text.ts';
import { type ByType, type Counts, type TrafficType, trafficTypes, type Truth } from './truth.ts';

const titles: Readonly<Record<TrafficType, string>> = { http: 'HTTP', udp: 'UDP', files: 'files', exec: 'execs' };
const endings: Readonly<Record<Truth['endedBy'], string>> = {
  requests: 'all requests were made',
  duration: 'its time was over',
  signal: 'it was stopped',
};
const RIGHT = 'right';

const some = (count: number, singular: string, plural = `${singular}s`): string => `${count} ${count === 1 ? singular : plural}`;

const moreOf = (type: TrafficType, counts: Counts): string => {
  const failed = counts.failed === 0 ? '' : `, ${counts.failed} failed`;
  switch (type) {
    case 'http':
      return `${some(counts.sessions, 'connection')}, ${counts.sessionsIpv6} of them IPv6${failed}`;
    case 'udp':
      return `${some(counts.datagramsSent + counts.datagramsReceived, 'datagram')} over ${some(counts.sessions, 'socket')}, ${counts.sessionsIpv6} of them IPv6${failed}`;
    case 'files':
      return `${some(counts.files, 'file')} made, read and unlinked${failed}`;
    case 'exec':
      return `${some(counts.execs, 'program')} run${failed}`;
  }
};

const bytesOf = (type: TrafficType, counts: Counts): readonly [string, string] =>
  type === 'exec'
    ? ['', '']
    : type === 'files'
      ? [amountText(counts.writtenBytes), amountText(counts.readBytes)]
      : [amountText(counts.sentBytes), amountText(counts.receivedBytes)];

const placeRow = (name: string, types: ByType): readonly string[] => {
  const net = (key: 'sessions' | 'sentBytes' | 'receivedBytes') => types.http[key] + types.udp[key];
  const total = trafficTypes.reduce((sum, type) => sum + types[type].requests, 0);
  return [name, String(total), String(net('sessions')), amountText(net('sentBytes')), amountText(net('receivedBytes'))];
};

const placeColumns = (title: string) =>
  [
    { title },
    { title: 'REQUESTS', align: RIGHT },
    { title: 'SOCKETS', align: RIGHT },
    { title: 'SENT', align: RIGHT },
    { title: 'RECEIVED', align: RIGHT },
  ] as const;

/** `… docker/3f2a91bc04de` of a cgroup: enough to find it again. */
const cgroupText = (cgroup: string, containerId: string | undefined): string =>
  containerId === undefined ? cgroup : `${cgroup.slice(0, -containerId.length)}${containerId.slice(0, 12)} [CTR]`;

export const summaryOf = (truth: Truth): string => {
  const { clients, byCgroup, byNetns, started, ended, endedBy, leftOut } = truth;
  const used = trafficTypes.filter((type) => clients[type].requests + clients[type].failed > 0);
  const tookNs = (Date.parse(ended) - Date.parse(started)) * 1e6;
  return [
    `Ground truth: ${endings[endedBy]}, in ${durationText(tookNs)}.\n\n`,
    formatTable(
      [
        { title: 'CLIENTS' },
        { title: 'REQUESTS', align: RIGHT },
        { title: 'OUT', align: RIGHT },
        { title: 'IN', align: RIGHT },
        { title: 'MORE' },
      ],
      used.map((type) => [titles[type], String(clients[type].requests), ...bytesOf(type, clients[type]), moreOf(type, clients[type])]),
    ),
    '\n',
    formatTable(
      placeColumns('CGROUP (clients and servers)'),
      byCgroup.map(({ cgroup, containerId, types }) => placeRow(cgroupText(cgroup, containerId), types)),
    ),
    ...(byNetns.length < 2
      ? []
      : [
          '\n',
          formatTable(
            placeColumns('NETWORK NAMESPACE'),
            byNetns.map(({ netns, types }) => placeRow(String(netns), types)),
          ),
        ]),
    ...leftOut.map((what) => `left out: ${what}\n`),
  ].join('');
};
