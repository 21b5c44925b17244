/** The question of `ringtail who` as it stands on the command line. */
import { isIPv4, isIPv6 } from 'node:net';
import { UsageError } from '../../core/errors.ts';
import { sessionProtocols, type SessionProtocol } from '../../kernel/sockets/needs.ts';
import type { SocketEnd, SocketQuestion } from '../../kernel/sockets/question.ts';

/** What is asked, and of which process: by its number or by its name. */
export type WhoQuestion = SocketQuestion & { readonly name?: string | undefined };

const HELP =
  'write an address (10.0.0.5, fe80::1), a port (:8080, 443/tcp), both (10.0.0.5:443, [::1]:53), --pid NUMBER, or the name of a program';
const MAX_NAME_BYTES = 255;

const wrong = (text: string, why: string): never => {
  throw new UsageError(`${JSON.stringify(text)} ${why}`, { advice: HELP });
};

/** 4 or 16 bytes; a zone behind `%` is left out. undefined when it is no address. */
export const parseIp = (text: string): Uint8Array | undefined => {
  const address = text.replace(/%.*$/, '');
  if (isIPv4(text)) return Uint8Array.from(text.split('.').map(Number));
  if (!isIPv6(text)) return undefined;
  const [head = '', tail] = address.split('::');
  const groupsOf = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [parseInt(group, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
          return [(a << 8) | b, (c << 8) | d];
        });
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const groups = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
};

const portOf = (text: string, digits: string): number => {
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? port : wrong(text, `names port ${digits}, and ports are 1 to 65535`);
};

/** An address, a port or both; undefined when it is neither. */
const parseEnd = (text: string): SocketEnd | undefined => {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(text);
  if (bracketed !== null) {
    const address = parseIp(bracketed[1]!) ?? wrong(text, 'has no IPv6 address in its brackets');
    return { address, port: bracketed[2] === undefined ? undefined : portOf(text, bracketed[2]) };
  }
  const onlyPort = /^\*?:(\d+)$/.exec(text);
  if (onlyPort !== null) return { port: portOf(text, onlyPort[1]!) };
  const address = parseIp(text);
  if (address !== undefined) return { address };
  const both = /^([\d.]+):(\d+)$/.exec(text);
  if (both === null) return undefined;
  return { address: parseIp(both[1]!) ?? wrong(text, 'has no IPv4 address in front of its port'), port: portOf(text, both[2]!) };
};

const parseOne = (given: string): { readonly end?: SocketEnd; readonly protocol?: SessionProtocol; readonly name?: string } => {
  const suffix = /^(.*)\/([a-z]+)$/.exec(given);
  const protocol = sessionProtocols.find((name) => name === suffix?.[2] && name !== 'unix');
  const text = protocol === undefined ? given : suffix![1]!;
  if (protocol !== undefined && /^\d+$/.test(text)) return { protocol, end: { port: portOf(given, text) } };
  if (/^\d+$/.test(text)) wrong(given, `may be a port or a process: write :${text} or --pid ${text}`);
  const end = parseEnd(text);
  if (end !== undefined) return { end, ...(protocol === undefined ? {} : { protocol }) };
  if (protocol !== undefined) wrong(given, 'has no address and no port in front of its protocol');
  if (text === '' || /[/\s:]/.test(text) || Buffer.byteLength(text) > MAX_NAME_BYTES)
    wrong(given, 'is no address, no port and no name of a program');
  return { name: text };
};

const parsePid = (text: string): number => {
  const pid = Number(text);
  return /^\d{1,10}$/.test(text) && pid >= 1 && pid <= 0x7fff_ffff ? pid : wrong(text, 'is not the number of a process');
};

/** `words`: at most two ends, of one connection, or one name. Throws a UsageError. */
export const parseQuestion = (words: readonly string[], pid?: string): WhoQuestion => {
  const parts = words.map(parseOne);
  const ends = parts.map(({ end }) => end).filter((end) => end !== undefined);
  const names = parts.map(({ name }) => name).filter((name) => name !== undefined);
  const protocols = new Set(parts.map(({ protocol }) => protocol).filter((protocol) => protocol !== undefined));
  if (ends.length > 2) wrong(words[2]!, 'is a third end; a connection has two');
  if (names.length > 1) wrong(names[1]!, 'is a second name');
  if (protocols.size > 1) wrong(words.join(' '), 'names two protocols');
  const [one, other] = ends;
  return {
    ...(one === undefined ? {} : { either: other === undefined ? [one] : [one, other] }),
    ...(protocols.size === 0 ? {} : { protocol: [...protocols][0] }),
    ...(pid === undefined ? {} : { pid: parsePid(pid) }),
    ...(names.length === 0 ? {} : { name: names[0] }),
  };
};
