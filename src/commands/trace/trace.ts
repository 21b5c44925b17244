/** `ringtail trace -- COMMAND`: runs a command as a trace of its own. */
import { setFlagsFromString } from 'node:v8';
import { generatedSource } from '../../config/generated.ts';
import { loadConfig, requireConfig } from '../../config/load.ts';
import { createCounters } from '../../core/counters.ts';
import { messageOf, RingtailError, UsageError } from '../../core/errors.ts';
import { withFields } from '../../core/logger.ts';
import { formatTraceparent, isSampled, newContext, parseTraceparent } from '../../core/traceparent.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { hostResource } from '../../otlp/resource.ts';
import { computeLedger, type BooksRow } from '../../service/ledger.ts';
import { createLogger } from '../../service/logging.ts';
import { createService } from '../../service/service.ts';
import { version } from '../../service/version.ts';
import { wantsColour } from '../../text/colour.ts';
import { requirePrivileges } from '../live/privileges.ts';
import type { CommandContext } from '../context.ts';
import { tellFailure } from '../failure.ts';
import { rootPathOf } from '../options.ts';
import { createKeptSpans } from './kept-spans.ts';
import { environmentOf, LAUNCHER, runCommand, type CommandEnd } from './run-command.ts';
import { summaryLines } from './summary.ts';
import { exportersOf, traceConfigOf } from './trace-config.ts';

export type TraceOptions = {
  readonly endpoint?: string;
  readonly output?: string;
  readonly lines?: string;
  readonly tree?: boolean;
  readonly args?: boolean;
  readonly rootPath?: string;
  readonly colour?: boolean;
};

/** As env(1) and others that run commands have it. */
export const FAILED = 125;
const DEFAULT_LINES = 40;
/** Ends of connections that come a moment after the program that had them. */
const SESSIONS_WAIT_MS = 100;
const STOP_DEADLINE_MS = 5_000;
/**
 * Most commands take seconds, in which optimised code does not earn what its making costs: about a third of the CPU time of such a trace. So it is made
 * later, and simple code at once.
 */
const COMPILER_FLAGS = ['--always-sparkplug', '--invocation-count-for-maglev=30000', '--invocation-count-for-turbofan=100000'];

/** Whoever called sudo; undefined: we are who we are. */
export const callerOf = (env: Readonly<Record<string, string | undefined>>, uid: number): number | undefined => {
  const caller = env['SUDO_UID'];
  return uid === 0 && caller !== undefined && /^\d{1,10}$/.test(caller) && caller !== '0' ? Number(caller) : undefined;
};

const linesOf = ({ lines = String(DEFAULT_LINES) }: TraceOptions): number => {
  if (!/^\d{1,6}$/.test(lines) || lines === '0') throw new UsageError(`--lines: ${JSON.stringify(lines)} is not a whole number from 1`);
  return Number(lines);
};

const isLauncher = (path: Uint8Array | undefined): boolean => path !== undefined && Buffer.from(path).toString() === LAUNCHER;

const traced = async (command: readonly string[], options: TraceOptions, context: CommandContext): Promise<number> => {
  const lines = linesOf(options);
  for (const flag of COMPILER_FLAGS) setFlagsFromString(flag);
  const { endpoint, output } = options;
  const rootPath = rootPathOf(options);
  const { environment, stderr } = context;
  requirePrivileges('a command', `trace -- ${command.join(' ')}`);
  const source = generatedSource(
    '(configuration of ringtail trace)',
    traceConfigOf(rootPath, { endpoint, output }, options.args !== false),
  );
  const config = requireConfig(loadConfig([source], await context.registry(), {}), source.file, () => {});
  const logger = createLogger(config.telemetry.logs, stderr, environment);
  const counters = createCounters();
  const kernel = (await context.createServices({
    config: config.kernel,
    counters,
    logger: withFields(logger, { component: 'kernel' }),
    version,
  })) as KernelServices;
  const service = createService({
    config, counters, logger, version, kernel, now: context.now, resource: hostResource({ rootPath, env: environment, configured: {} }),
  }); // prettier-ignore

  const notes: string[] = [];
  const given = environment['TRACEPARENT'];
  const parent = given === undefined ? undefined : parseTraceparent(given);
  if (given !== undefined && parent === undefined)
    notes.push('TRACEPARENT is not as W3C Trace Context has it; the trace is one of its own');
  if (parent !== undefined && !isSampled(parent)) notes.push('TRACEPARENT says that its trace is not sampled: nothing of it is told');
  const own = newContext();
  const place = { traceId: parent?.traceId ?? own.traceId, spanId: own.spanId, flags: parent?.flags ?? own.flags };

  const kept = createKeptSpans();
  if (options.tree !== false) service.view.tap((_pipeline, batch) => kept.take(batch), 'traces');

  const beganMs = context.now();
  await service.start();
  const startUpMs = context.now() - beganMs;
  let end: CommandEnd;
  let seconds: number;
  try {
    let pid = 0;
    kernel.traces.expect({
      owner: 'process',
      isRoot: ({ actor, exec }) => pid !== 0 && actor.pid === pid && exec !== undefined && !isLauncher(exec.path),
      traceId: place.traceId,
      rootId: place.spanId,
      ...(parent && { remote: { ...parent, traceState: environment['TRACESTATE'] ?? '' } }),
    });
    const ranMs = context.now();
    const running = runCommand(command, {
      env: environmentOf(environment, formatTraceparent(place)),
      user: callerOf(environment, process.getuid?.() ?? 0),
    });
    pid = running.pid;
    end = await running.ended;
    seconds = (context.now() - ranMs) / 1000;
    await kernel.caughtUp();
    await new Promise((resolve) => setTimeout(resolve, SESSIONS_WAIT_MS));
    await kernel.caughtUp();
  } finally {
    await service.stop(STOP_DEADLINE_MS);
  }
  if (options.tree !== false) {
    const { processes, forgotten } = kernel.traces.stats();
    const { rows } = computeLedger(counters.samples());
    const sum = (book: BooksRow['book'], parts: readonly string[], exporter?: string): number =>
      rows
        .filter((row) => row.book === book && (exporter === undefined || row.name === exporter))
        .reduce((all, row) => all + parts.reduce((some, part) => some + (row.parts[part] ?? 0), 0), 0);
    const deliveries = exportersOf({ endpoint, output }).map(({ exporter, to }) => ({
      to,
      sent: sum('exporter', ['sent'], exporter),
      missing: sum('exporter', ['failed', 'dropped', 'rejected'], exporter),
    }));
    const lost = sum('kernel', ['lost']);
    if (lost > 0) notes.push(`${lost} records of this host were lost: the ring was full; spans may be missing`);
    if (forgotten > 0) notes.push(`${forgotten} processes were too many at one time; their spans are missing`);
    const width = stderr.isTTY === true && (stderr.columns ?? 0) > 0 ? stderr.columns : undefined;
    const colour = options.colour !== false && wantsColour({ isTTY: stderr.isTTY, env: environment });
    const summary = {
      command, kept, end, seconds, startUpMs, running: processes, deliveries, notes, traceId: Buffer.from(place.traceId).toString('hex'),
    }; // prettier-ignore
    for (const line of summaryLines(summary, { colour, width, lines })) stderr.write(`${line}\n`);
  }
  return end.code;
};

/** The exit code of the command; 125 when Ringtail failed, 126 and 127 when the command cannot be run or is not there. */
export const traceCommand = async (command: readonly string[], options: TraceOptions, context: CommandContext): Promise<number> => {
  try {
    return await traced(command, options, context);
  } catch (error) {
    if (error instanceof RingtailError) tellFailure(error, context);
    else context.stderr.write(`ringtail: ${messageOf(error)}\n`);
    return FAILED;
  }
};
