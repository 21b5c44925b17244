import { config as rxConfig } from 'rxjs';
import type { RingtailConfig } from '../config/load.ts';
import { requireConfig } from '../config/load.ts';
import { DEFAULT_METRICS_ADDRESS, parseAddress } from '../config/schema.ts';
import { createCounters, type Counters } from '../core/counters.ts';
import { ConfigError, exitCode, type ExitCode, messageOf, RuntimeError } from '../core/errors.ts';
import { type Logger, withFields } from '../core/logger.ts';
import { createLogger } from '../service/logging.ts';
import { observeProcess } from '../service/process-metrics.ts';
import { hostResource } from '../otlp/resource.ts';
import { createService } from '../service/service.ts';
import { type MetricsServer, serveMetrics } from '../service/telemetry.ts';
import { version } from '../service/version.ts';
import type { CommandContext } from './context.ts';
import { loadFor } from './load.ts';
import type { ConfigOptions } from './options.ts';

/**
 * A signal this soon after the first is the same one again: Ctrl-C under `npm start` comes from the terminal and, a moment later,
 * from npm, which forwards what it got. People take longer to press twice.
 */
const ECHO_MS = 250;

/** An address that somebody wrote must work; without the default one Ringtail runs on. */
const openMetrics = async (
  { metrics }: RingtailConfig['telemetry'],
  counters: Counters,
  logger: Logger,
): Promise<MetricsServer | undefined> => {
  if (metrics.level === 'none') return undefined;
  try {
    const server = await serveMetrics({ counters, address: metrics.address ?? parseAddress(DEFAULT_METRICS_ADDRESS)!, version, logger });
    logger.debug({ address: `${server.address.host}:${server.address.port}` }, 'metrics are served');
    return server;
  } catch (error) {
    if (metrics.address !== undefined) {
      throw new ConfigError(messageOf(error), {
        advice: 'change service.telemetry.metrics.address, or set service.telemetry.metrics.level to none',
      });
    }
    logger.warn(
      { error: messageOf(error) },
      'running without the metrics page; choose a free address with service.telemetry.metrics.address',
    );
    return undefined;
  }
};

/** `ringtail run`: until a signal comes or the reader of the output goes away; a second signal stops at once. */
export const runCommand = async (options: ConfigOptions, context: CommandContext): Promise<ExitCode> => {
  const stop = Promise.withResolvers<string>();
  const force = Promise.withResolvers<'forced'>();
  let askedMs: number | undefined;
  const ask = (reason: string) => {
    askedMs ??= context.now();
    stop.resolve(reason);
  };
  const onSignal = (name: string) => {
    if (askedMs !== undefined && context.now() - askedMs >= ECHO_MS) force.resolve('forced');
    ask(name);
  };
  const handlers = [context.onSignal(onSignal), context.onOutputClosed(() => ask('output closed'))];
  let metrics: MetricsServer | undefined;
  try {
    const { name, loaded } = await loadFor(options, context);
    const config = requireConfig(loaded, name, (line) => context.stderr.write(`${line}\n`));
    const logger = createLogger(config.telemetry.logs, context.stderr, context.environment);
    rxConfig.onUnhandledError = (error) => logger.error({ error: messageOf(error) }, 'a component threw outside its stage');
    const counters = createCounters();
    observeProcess(counters);
    metrics = await openMetrics(config.telemetry, counters, logger);
    const kernel = await context.createKernel({
      config: config.kernel,
      exclude: config.exclude,
      counters,
      logger: withFields(logger, { component: 'kernel' }),
      version,
    });
    const service = createService({
      config,
      counters,
      logger,
      version,
      kernel,
      now: context.now,
      resource: hostResource({ rootPath: config.kernel.root_path, env: context.environment, configured: config.telemetry.resource }),
    });

    const forced = force.promise.then(() => {
      logger.warn({}, 'stopped at once; what was under way is lost');
      return true;
    });
    if ((await Promise.race([service.start(), forced])) === true) return exitCode.runtime;
    let ended: Error | undefined;
    const through = service.finished().then((error) => {
      ended = error;
      return 'every receiver is through';
    });
    const reason = await Promise.race([stop.promise, through]);
    logger.info({ reason }, 'stopping');
    if ((await Promise.race([service.stop(), forced])) === true) return exitCode.runtime;
    if (ended !== undefined) throw new RuntimeError('a receiver ended early', { cause: ended });
    return exitCode.done;
  } finally {
    for (const off of handlers) off();
    await metrics?.close();
    rxConfig.onUnhandledError = null;
  }
};
