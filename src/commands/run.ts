import { config as rxConfig } from 'rxjs';
import { effectiveConfig } from '../config/effective.ts';
import { createCounters } from '../core/counters.ts';
import { exitCode, type ExitCode, messageOf, RuntimeError } from '../core/errors.ts';
import { withFields } from '../core/logger.ts';
import { createSwitchableLogger } from '../service/logging.ts';
import { observeProcess } from '../service/process-metrics.ts';
import { createService, type Service } from '../service/service.ts';
import { version } from '../service/version.ts';
import { watchFiles } from '../service/watch-files.ts';
import type { CommandContext } from './context.ts';
import type { ConfigOptions } from './options.ts';
import { createRevisions } from './revisions.ts';

/**
 * A signal this soon after the first is the same one again: Ctrl-C under `npm start` comes from the terminal and, a moment later,
 * from npm, which forwards what it got. People take longer to press twice.
 */
const ECHO_MS = 250;

/** Nobody asked for the end when all receivers are through: exporters get time to send what they hold. */
const THROUGH_DEADLINE_MS = 60_000;

export type RunOptions = ConfigOptions & { readonly watch?: boolean };

/**
 * `ringtail run`: until a signal comes or the reader of the output goes away; a second signal stops at once. SIGHUP, and with `watch` a change
 * of a file, reads the configuration again.
 */
export const runCommand = async (options: RunOptions, context: CommandContext): Promise<ExitCode> => {
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
  let service: Service | undefined;
  let reloadAsked = false;
  const counters = createCounters();
  const revisions = createRevisions({ options, context, counters });
  const watch = options.watch === true ? watchFiles({ onChange: () => void reload() }) : undefined;
  /** Before there is a service it is remembered: what was read by then may be old. */
  const reload = async (): Promise<void> => {
    if (service === undefined) reloadAsked = true;
    else if (askedMs === undefined) await service.reload(revisions.next);
    await watch?.follow(revisions.files());
  };
  // what is built in does not change: then it is the terminal that went away
  const onHangup = (name: string) => (options.config === undefined ? ask(name) : void reload());
  const explain = async (error: unknown): Promise<never> => {
    throw await revisions.explained(error);
  };
  const endings = [
    context.onSignal(onSignal),
    context.onReload(onHangup),
    context.onOutputClosed(() => ask('output closed')),
    () => watch?.close(),
  ];
  try {
    // before it is read, so that no change falls in between
    await watch?.follow(revisions.files());
    const config = await revisions.read((line) => context.stderr.write(`${line}\n`));
    const logger = createSwitchableLogger(config.telemetry.logs, context.stderr, context.environment);
    rxConfig.onUnhandledError = (error) => logger.error({ error: messageOf(error) }, 'a component threw outside its stage');
    observeProcess(counters);
    await revisions.begin(config, logger).catch(explain);
    const kernel = await context.createKernel({
      config: config.kernel,
      exclude: config.exclude,
      counters,
      logger: withFields(logger, { component: 'kernel' }),
      version,
    });
    service = createService({
      config,
      counters,
      logger,
      version,
      kernel,
      describe: effectiveConfig,
      now: context.now,
      resource: revisions.resourceOf(config),
    });
    if (reloadAsked) void reload();
    await watch?.follow(revisions.files());

    const forced = force.promise.then(() => {
      logger.warn({}, 'stopped at once; what was under way is lost');
      return true;
    });
    if ((await Promise.race([service.start().catch(explain), forced])) === true) return exitCode.runtime;
    let ended: Error | undefined;
    let deadlineMs: number | undefined;
    const through = service.finished().then((error) => {
      ended = error;
      deadlineMs = THROUGH_DEADLINE_MS;
      return 'every receiver is through';
    });
    const reason = await Promise.race([stop.promise, through]);
    logger.info({ reason }, 'stopping');
    if ((await Promise.race([service.stop(deadlineMs), forced])) === true) return exitCode.runtime;
    if (ended !== undefined) throw new RuntimeError('a receiver ended early', { cause: ended });
    return exitCode.done;
  } finally {
    for (const end of endings) end();
    await revisions.close();
    rxConfig.onUnhandledError = null;
  }
};
