import { rm } from 'node:fs/promises';
import { machine, release } from 'node:os';
import { requireConfig, type RingtailConfig } from '../config/load.ts';
import { kernelSchema, telemetrySchema } from '../config/schema.ts';
import { parseByteSize, parseDurationMs } from '../core/config-types.ts';
import { createCounters } from '../core/counters.ts';
import { exitCode, type ExitCode, UsageError } from '../core/errors.ts';
import { withFields } from '../core/logger.ts';
import { createRecorder } from '../kernel/capture/recorder.ts';
import { openCaptureWriter, SMALLEST_CAPTURE_BYTES } from '../kernel/capture/writer.ts';
import { hostResource } from '../otlp/resource.ts';
import { createLogger } from '../service/logging.ts';
import { createService, STOP_DEADLINE_MS } from '../service/service.ts';
import { version } from '../service/version.ts';
import type { CommandContext } from './context.ts';
import { loadFor } from './load.ts';
import { type ConfigOptions, rootPathOf } from './options.ts';

export type RecordOptions = ConfigOptions & { readonly output: string; readonly duration?: string; readonly maxSize: string };

/** setTimeout cannot wait longer: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What runs beside the recording: the pipelines of a configuration, or nothing at all. */
const partsOf = (config: RingtailConfig | undefined, rootPath: string): Pick<RingtailConfig, 'kernel' | 'telemetry'> =>
  config ?? { kernel: kernelSchema.parse({ root_path: rootPath }), telemetry: telemetrySchema.parse({}) };

const limitsOf = ({ duration, maxSize }: RecordOptions): { readonly durationMs: number | undefined; readonly maxBytes: number } => {
  const durationMs = duration === undefined ? undefined : parseDurationMs(duration);
  if (duration !== undefined && (durationMs === undefined || durationMs <= 0 || durationMs > LONGEST_TIMER_MS))
    throw new UsageError(`${JSON.stringify(duration)} is no time for a recording`, {
      advice: 'write it as in --duration 30s; three weeks are the most',
    });
  const maxBytes = parseByteSize(maxSize);
  if (maxBytes === undefined || maxBytes < SMALLEST_CAPTURE_BYTES)
    throw new UsageError(`${JSON.stringify(maxSize)} is no size for a capture`, { advice: 'write 1MiB or more, as in --max-size 1GiB' });
  return { durationMs, maxBytes };
};

/**
 * `ringtail record`: writes down what comes out of the ring, until a signal, the time or the size; with a configuration its pipelines run
 * meanwhile.
 */
export const recordCommand = async (options: RecordOptions, context: CommandContext): Promise<ExitCode> => {
  const { durationMs, maxBytes } = limitsOf(options);
  if (options.config === undefined && options.set !== undefined)
    throw new UsageError('--set changes a configuration, and none is given', { advice: 'give one with --config' });
  const stop = Promise.withResolvers<string>();
  const handlers = [context.onSignal, context.onReload, context.onOutputClosed].map((on) => on(() => stop.resolve('signal')));
  const timers: NodeJS.Timeout[] = [];
  try {
    let config: RingtailConfig | undefined;
    if (options.config !== undefined) {
      const { name, loaded } = await loadFor(options, context);
      config = requireConfig(loaded, name, (line) => context.stderr.write(`${line}\n`));
    }
    const { kernel: kernelConfig, telemetry } = partsOf(config, rootPathOf(options));
    const logger = createLogger(telemetry.logs, context.stderr, context.environment);
    const counters = createCounters();
    const resource = hostResource({ rootPath: kernelConfig.root_path, env: context.environment, configured: telemetry.resource });
    const writer = await openCaptureWriter(options.output, maxBytes);
    const recorder = createRecorder(writer);
    recorder.begin({
      version,
      kernel: { release: release(), machine: machine() },
      startedAt: new Date().toISOString(),
      resource: resource.map(([key, value]) => [key, value]),
    });
    let running: { stop(deadlineMs: number): Promise<unknown> } | undefined;
    const finish = async (reason: string) => {
      await running?.stop(STOP_DEADLINE_MS);
      const end = recorder.finish(reason);
      await writer.close();
      return end;
    };
    try {
      const kernel = await context.createKernel({
        config: kernelConfig,
        ...(config === undefined ? {} : { exclude: config.exclude }),
        counters,
        logger: withFields(logger, { component: 'kernel' }),
        version,
        recorder,
      });
      running = config === undefined ? kernel : createService({ config, counters, logger, version, kernel, now: context.now, resource });
      logger.warn({ output: options.output }, 'recording; the capture holds arguments as they are, secrets among them');
      await (running as typeof kernel).start();
    } catch (error) {
      await finish('failed').catch(() => {});
      // there is nothing in it, and the next try may have the name
      await rm(options.output, { force: true });
      throw error;
    }
    if (durationMs !== undefined) timers.push(setTimeout(() => stop.resolve('duration'), durationMs));
    const ending = await Promise.race([stop.promise, writer.ended]);
    const { frames, records, skipped, lost } = await finish(typeof ending === 'string' ? ending : ending.reason);
    context.stdout.write(
      `${options.output}: ${records} records in ${frames} frames, ${writer.bytes} bytes; ${skipped} not captured, ${lost} lost by the kernel\n`,
    );
    return exitCode.done;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    for (const off of handlers) off();
  }
};
