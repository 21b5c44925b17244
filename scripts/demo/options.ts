/** The command line of the traffic generator. */
import { parseArgs } from 'node:util';
import { parseDurationMs } from '../../src/core/config-types.ts';
import { UsageError } from '../../src/core/errors.ts';
import { didYouMean, nearest, oneOf } from '../../src/core/nearest.ts';
import { trafficTypes, type TrafficType } from './truth.ts';

export const choices = [...trafficTypes, 'mixed'] as const;
export type Choice = (typeof choices)[number];

export type DemoOptions = {
  readonly type: Choice;
  /** All clients together. */
  readonly requests: number;
  /** Asks nothing. */
  readonly auto: boolean;
  /** The latest end of the traffic, from when it begins. */
  readonly durationMs: number;
  /** Requests a second, all clients together; 0: as fast as they go. */
  readonly rate: number;
  readonly cgroups: number;
  readonly containers: number;
  readonly netns: number;
  readonly json: boolean;
  readonly help: boolean;
};

const DEFAULT_REQUESTS = 1000;
const DEFAULT_DURATION_MS = 60_000;
const DEFAULT_RATE = 200;
/** Ground truth is counted one by one, and a forgotten demonstration shall end. */
export const MOST_REQUESTS = 10_000_000;
export const LONGEST_MS = 24 * 3_600_000;
/** Each is a process of some 45 MiB. */
export const MOST_PLACES = 16;

export const help = `usage: npm run demo:traffic -- [options]

Makes traffic of its own on this host, for Ringtail to look at, and tells at the end what it did: the ground truth.

  --type <type>       ${choices.join(', ')} (default: mixed)
  --requests <n>      in all (default: ${DEFAULT_REQUESTS}; with --duration: until it is over)
  --duration <time>   ends then at the latest, as in 30s (default: ${DEFAULT_DURATION_MS / 1000}s)
  --rate <n>          requests a second in all; 0: as fast as they go (default: ${DEFAULT_RATE})
  --cgroups <n>       in these of its own, nested in pairs: demo-a, demo-a/demo-b, ... (default: 2; root)
  --containers <n>    in these that look like containers of Docker (default: 1; root)
  --netns <n>         in these network namespaces of its own, by veth (default: 1; root)
  --auto              asks nothing, does all of it, and ends by itself
  --json              the ground truth as JSON
  --help

Everything that it makes it removes, also after Ctrl-C; what a killed one left is removed by the next.
Exit codes: 0 done, 2 usage, 4 something went wrong.
`;

const spec = {
  type: { type: 'string' },
  requests: { type: 'string' },
  duration: { type: 'string' },
  rate: { type: 'string' },
  cgroups: { type: 'string' },
  containers: { type: 'string' },
  netns: { type: 'string' },
  auto: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const wrong = (message: string) => new UsageError(message, { advice: 'see "npm run demo:traffic -- --help"' });

const numberOf = (
  name: string,
  text: string | undefined,
  { otherwise, least = 0, most }: { otherwise: number; least?: number; most: number },
) => {
  if (text === undefined) return otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw wrong(`--${name} ${JSON.stringify(text)}: not a number from ${least} to ${most}`);
  return value;
};

const durationOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0 || ms > LONGEST_MS)
    throw wrong(`--duration ${JSON.stringify(text)}: not a duration of up to ${LONGEST_MS / 3_600_000}h; write it with a unit, as in 30s`);
  return ms;
};

const typeOf = (text: string | undefined): Choice => {
  const found = choices.find((choice) => choice === (text ?? 'mixed'));
  if (found === undefined) throw wrong(`--type ${JSON.stringify(text)}: there is ${oneOf(choices)}${didYouMean(text!, choices)}`);
  return found;
};

const parsed = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options: spec, allowPositionals: false, strict: true }).values;
  } catch (error) {
    const unknown = argv.map((word) => /^--([^=]+)/.exec(word)?.[1]).find((name) => name !== undefined && !(name in spec));
    const meant = unknown === undefined ? undefined : nearest(unknown, Object.keys(spec));
    if (unknown !== undefined) throw wrong(`there is no option --${unknown}${meant === undefined ? '' : `; did you mean "--${meant}"?`}`);
    throw wrong((error as Error).message.split('\n')[0]!);
  }
};

/** Of what stands behind the script's name. Throws a UsageError. */
export const readOptions = (argv: readonly string[]): DemoOptions => {
  const given = parsed(argv);
  const places = (name: 'cgroups' | 'containers' | 'netns', otherwise: number) =>
    numberOf(name, given[name], { otherwise, most: MOST_PLACES });
  const durationMs = durationOf(given.duration);
  return {
    type: typeOf(given.type),
    requests: numberOf('requests', given.requests, {
      otherwise: durationMs === undefined ? DEFAULT_REQUESTS : MOST_REQUESTS,
      least: 1,
      most: MOST_REQUESTS,
    }),
    durationMs: durationMs ?? DEFAULT_DURATION_MS,
    rate: numberOf('rate', given.rate, { otherwise: DEFAULT_RATE, most: 1_000_000 }),
    cgroups: places('cgroups', 2),
    containers: places('containers', 1),
    netns: places('netns', 1),
    auto: given.auto === true,
    json: given.json === true,
    help: given.help === true,
  };
};

/** What the request with this number does, for instance a mixture of ten: four, three, two and one. */
const mixture: readonly TrafficType[] = ['http', 'udp', 'http', 'files', 'udp', 'http', 'exec', 'udp', 'http', 'files'];
export const typeOfRequest = (choice: Choice, index: number): TrafficType =>
  choice === 'mixed' ? mixture[index % mixture.length]! : choice;
