/** What the program test/workloads/connections.c says of its connections: each end by itself. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { workload } from './places.ts';
import { run, type Running, start } from './processes.ts';

export type Connection = {
  readonly transport: 'tcp' | 'udp';
  readonly type: 'ipv4' | 'ipv6';
  readonly role: 'client' | 'server';
  /** `bare`: not a byte; `reset`: ended by a reset of the client. */
  readonly how: 'bare' | 'client_first' | 'server_first' | 'reset' | 'stop' | 'held';
  readonly local: string;
  readonly localPort: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly pid: number;
  readonly uid: number;
  /** Payload bytes. */
  readonly sent: number;
  readonly received: number;
  readonly number: number;
  /** errno of its last call, 0: none. */
  readonly error: number;
  /** From before the connect, or after the accept, to before the close; ns. */
  readonly lifeNs: number;
};

/** `struct connection` of test/workloads/connections.h. */
const RECORD_BYTES = 80;
const roles = [undefined, 'client', 'server'] as const;
const hows = ['bare', 'client_first', 'server_first', 'reset', 'stop', 'held'] as const;

/** The program knows of IPv6 the loopback alone. */
const addressOf = (bytes: Buffer, family: number): string => {
  if (family === 4) return bytes.subarray(0, 4).join('.');
  const hex = bytes.toString('hex');
  if (hex !== `${'0'.repeat(31)}1`) throw new Error(`not ::1: ${hex}`);
  return '::1';
};

const connectionOf = (bytes: Buffer): Connection => {
  const family = bytes[56]!;
  return {
    transport: bytes[59] === 1 ? 'udp' : 'tcp',
    type: family === 4 ? 'ipv4' : 'ipv6',
    role: roles[bytes[57]!]!,
    how: hows[bytes[58]!]!,
    local: addressOf(bytes.subarray(0, 16), family),
    peer: addressOf(bytes.subarray(16, 32), family),
    localPort: bytes.readUInt16LE(32),
    peerPort: bytes.readUInt16LE(34),
    pid: bytes.readUInt32LE(36),
    uid: bytes.readUInt32LE(40),
    sent: bytes.readUInt32LE(44),
    received: bytes.readUInt32LE(48),
    number: bytes.readUInt32LE(52),
    error: bytes.readInt32LE(60),
    lifeNs: Number(bytes.readBigUInt64LE(72) - bytes.readBigUInt64LE(64)),
  };
};

/** All facts of one run. */
export const readConnections = (folder: string): readonly Connection[] =>
  readdirSync(folder).flatMap((file) => {
    const bytes = readFileSync(join(folder, file));
    return Array.from({ length: bytes.length / RECORD_BYTES }, (_, index) =>
      connectionOf(bytes.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES)),
    );
  });

/** What a line on stdout says: `ports`, of IPv4 and IPv6; `shared`, of TCP and UDP; `took`, ns. */
export const saidNumbers = (stdout: string, name: string): readonly number[] => {
  const line = stdout.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? [] : line.split(' ').slice(1).map(Number);
};

export type Made = { readonly connections: readonly Connection[]; readonly stdout: string };

/** Starts it; facts are in `folder` when it has ended. */
export const startConnections = (folder: string, what: 'flood' | 'hold' | 'reuse', ...numbers: readonly number[]): Running => {
  mkdirSync(folder);
  return start(workload('connections'), [what, folder, ...numbers.map(String)]);
};

export const makeConnections = async (folder: string, what: 'flood' | 'reuse', ...numbers: readonly number[]): Promise<Made> => {
  mkdirSync(folder);
  const { code, stdout, stderr } = await run(workload('connections'), [what, folder, ...numbers.map(String)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return { connections: readConnections(folder), stdout };
};
