/** Sessions in a few words: `→ 10.0.0.5:443 tcp 1.2 KiB out, 34 KiB in, 120 ms`. */
import { attributeName as name, eventName } from '../otlp/names.ts';
import { amountText } from '../core/amount-text.ts';
import { durationText } from '../core/duration-text.ts';
import { dim, endText, show, type Part, type Values } from './parts.ts';

const arrows: Readonly<Record<string, string>> = { client: '→', server: '←' };

const protocolText = (values: Values): string => show(values, name.networkTransport) || show(values, name.networkProtocol) || 'socket';
const localText = (values: Values): string => endText(values, name.networkLocalAddress, name.networkLocalPort);

/** With whom by what; without a peer, where it is. */
const whatParts = (values: Values): Part[] => {
  const peer = endText(values, name.networkPeerAddress, name.networkPeerPort);
  const arrow = arrows[show(values, name.sessionRole)] ?? '↔';
  return peer === ''
    ? [{ text: `${protocolText(values)} at ${localText(values) || 'no address'}`, style: 'cyan' }]
    : [{ text: `${arrow} ${peer}`, style: 'cyan' }, { text: ` ${protocolText(values)}` }];
};

const nobody = (values: Values): Part => dim(values.get(name.attribution) === 'none' ? '(owner unknown)' : '');
const at = (values: Values): Part =>
  dim(values.has(name.networkPeerAddress) && values.has(name.networkLocalAddress) ? `at ${localText(values)}` : '');

/** Of a client this end says little. */
const served = (values: Values): Part => (show(values, name.sessionRole) === 'client' ? dim('') : at(values));

const startParts = (values: Values): Part[] => [...whatParts(values), { text: ' opened' }, at(values), nobody(values)];

const stateParts = (values: Values): Part[] => {
  const before = show(values, name.sessionPreviousState);
  const state = show(values, name.networkConnectionState);
  return [...whatParts(values), { text: ` ${before === '' ? state : `${before} to ${state}`}` }, served(values), nobody(values)];
};

const listenParts = (values: Values): Part[] => [
  { text: `listening at ${localText(values)}`, style: 'cyan' },
  { text: ` ${protocolText(values)}` },
  nobody(values),
];

/** What is known of how it went. */
const resultText = (values: Values): string => {
  const number = (key: string): number | undefined => (values.has(key) ? Number(values.get(key)) : undefined);
  const sent = number(name.sessionBytesSent);
  const received = number(name.sessionBytesReceived);
  const unacknowledged = number(name.sessionBytesUnacknowledged) ?? 0;
  const retransmits = number(name.sessionRetransmits) ?? 0;
  const ns = number(name.durationNs);
  return [
    ...(sent === undefined ? [] : [`${amountText(sent)} out`]),
    ...(received === undefined ? [] : [`${amountText(received)} in`]),
    ...(unacknowledged === 0 ? [] : [`${amountText(unacknowledged)} not acknowledged`]),
    ...(retransmits === 0 ? [] : [`${retransmits} sent again`]),
    ...(ns === undefined ? [] : [durationText(ns)]),
  ].join(', ');
};

const endParts = (values: Values): Part[] => {
  const error = show(values, name.errorType);
  const result = resultText(values);
  const isFailed = error !== '' && !values.has(name.sessionBytesSent);
  return [
    ...whatParts(values),
    { text: isFailed ? ` failed: ${error}` : ' closed', ...(isFailed && { style: 'yellow' as const }) },
    { text: result === '' ? '' : `${isFailed ? ', ' : ' '}${result}` },
    { text: error === '' || isFailed ? '' : `, ${error}`, style: 'yellow' },
    served(values),
    nobody(values),
  ];
};

/** By name of the event. */
export const sessionParts: Readonly<Record<string, (values: Values) => Part[]>> = {
  [eventName.sessionStart]: startParts,
  [eventName.sessionState]: stateParts,
  [eventName.sessionEnd]: endParts,
  [eventName.sessionListen]: listenParts,
};
