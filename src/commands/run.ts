import { config as rxConfig } from 'rxjs';
import { effectiveConfig } from '../config/effective.ts';
import type { RingtailConfig } from '../config/load.ts';
import { createCounters } from '../core/counters.ts';
import { exitCode, type ExitCode, messageOf, RuntimeError } from '../core/errors.ts';
import { withFields } from '../core/logger.ts';
import { createSwitchableLogger } from '../service/logging.ts';
import { observeProcess } from '../service/process-metrics.ts';
import { openOwnTraces, type OwnTraces } from '../service/own-traces.ts';
import { createService, type Service } from '../service/service.ts';
import { version } from '../service/version.ts';
import { watchFiles } from '../service/watch-files.ts';
import type { CommandContext } from './context.ts';
import { ownFirstScreen } from './first-screen.ts';
import type { ConfigOptions } from './options.ts';
import { createRevisions, type Revisions } from './revisions.ts';

/**
 * A signal this soon after the first is the same one again: Ctrl-C under `npm start` comes from the terminal and, a moment later,
 * from npm, which forwards what it got. People take longer to press twice.
 */
const ECHO_MS = 250;

/** Nobody asked for the end when all receivers are through: exporters get time to send what they hold. */
const THROUGH_DEADLINE_MS = 60_000;

/** For the last of its own spans. */
const OWN_SPANS_DEADLINE_MS = 2_000;

export type RunOptions = ConfigOptions & { readonly watch?: boolean };

/** On a terminal, for who brought no configuration, and did not ask for more or less than is usual. */
const wantsFirstScreen = (options: RunOptions, { telemetry: { logs } }: RingtailConfig, { stdout, stderr }: CommandContext): boolean =>
  options.config === undefined && stdout.isTTY === true && stderr.isTTY === true && logs.level === 'info' && logs.encoding !== 'json';

const screenOf = ({ view }: Service, revisions: Revisions, { stdout, environment, now }: CommandContext): string => {
  const { columns } = stdout as { readonly columns?: number };
  return ownFirstScreen({ view, readyMs: now(), metrics: revisions.metricsPlace(), environment, columns });
};

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
  let own: OwnTraces | undefined;
  let reloadAsked = false;
  let showFirst: ((screen: string) => void) | undefined;
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
    const showsFirstScreen = wantsFirstScreen(options, config, context);
    // it says what the lines of the start would
    const { logs } = config.telemetry;
    const logger = createSwitchableLogger(showsFirstScreen ? { ...logs, level: 'warn' } : logs, context.stderr, context.environment);
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
    own = await openOwnTraces({ config: config.telemetry.traces, resource: revisions.resourceOf(config), version, logger });
    service = createService({
      tracer: own.tracer,
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
    // events that come before all receivers are there stand below it
    if (showsFirstScreen) showFirst = context.holdOutput();
    if ((await Promise.race([service.start().catch(explain), forced])) === true) return exitCode.runtime;
    if (showFirst !== undefined) {
      logger.use(logs);
      showFirst(screenOf(service, revisions, context));
      showFirst = undefined;
    }
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
    showFirst?.('');
    for (const end of endings) end();
    await own?.close(OWN_SPANS_DEADLINE_MS);
    await revisions.close();
    rxConfig.onUnhandledError = null;
  }
};
