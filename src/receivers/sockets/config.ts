import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { sessionEvents, sessionFamilies, sessionProtocols } from '../../kernel/sockets/needs.ts';
import { metricsOption } from '../shared/series/options.ts';
import { connectionStates } from '../shared/session-names.ts';

/** An entry takes about 300 bytes of the kernel's memory, in each of two maps. */
const MOST_SESSIONS = 4_194_304;
const LEAST_SESSIONS = 1024;
/** Longer than any conntrack waits. */
const LONGEST_IDLE_MS = 7 * 24 * 3_600_000;

const idleTimeout = () => duration({ minMs: 0, maxMs: LONGEST_IDLE_MS });

const unique = (values: readonly unknown[]): boolean => new Set(values).size === values.length;
const TWICE = 'a value stands there twice';

export const socketsConfig = z.strictObject({
  events: z
    .array(z.enum(sessionEvents))
    .min(1)
    .refine(unique, TWICE)
    .default(['start', 'end', 'listen'])
    .describe('Which events become records: start, state, end, listen.'),
  states: z
    .array(z.enum(connectionStates))
    .min(1)
    .refine(unique, TWICE)
    .default([...connectionStates])
    .describe('With the event state: changes to which states of TCP are told.'),
  mode: z
    .enum(['auto', 'ebpf', 'procfs'])
    .default('auto')
    .describe(
      'auto: the programs of the kernel, and /proc where they cannot be loaded. ebpf: without them it is an error. procfs: they are not loaded.',
    ),
  protocols: z
    .array(z.enum(sessionProtocols))
    .min(1)
    .refine(unique, TWICE)
    .default(['tcp', 'udp', 'icmp', 'raw'])
    .describe('Of which protocols: tcp, udp, icmp, raw, unix.'),
  families: z
    .array(z.enum(sessionFamilies))
    .min(1)
    .refine(unique, TWICE)
    .default(['ipv4', 'ipv6'])
    .describe('Of sockets of which families: ipv4, ipv6. IPv4 through a socket of IPv6 is ipv6.'),
  loopback: z.boolean().default(true).describe('Whether sessions that stay on this host over loopback are told and counted.'),
  cgroup: z
    .string()
    .startsWith('/', 'not the path of a folder; write it from the root, as in /sys/fs/cgroup/system.slice')
    .optional()
    .describe('Folder of a cgroup of the v2 hierarchy: only sockets of it and of those below it.'),
  idle_timeout: z
    .strictObject({
      udp: idleTimeout().prefault('120s').describe('A UDP session without a datagram for so long has ended; 0: only its socket ends it.'),
      icmp: idleTimeout().prefault('30s').describe('The same of ICMP.'),
      raw: idleTimeout().prefault('600s').describe('The same of raw sockets.'),
    })
    .prefault({}),
  max_sessions: z
    .int()
    .min(LEAST_SESSIONS)
    .max(MOST_SESSIONS)
    .default(65_536)
    .describe('Sockets that are followed at one time, and as many UDP sessions; what is beyond is counted and not known.'),
  interval: duration({ minMs: 100, maxMs: 3_600_000 }).prefault('1s').describe('How often /proc is looked at, where it has to do.'),
  metrics: metricsOption(),
});

export type SocketsConfig = z.output<typeof socketsConfig>;
