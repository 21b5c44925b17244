/** Events without a running Ringtail: a service in this process, whose pipeline is looked at and ends in nothing. */
import { generatedSource } from '../../config/generated.ts';
import { loadConfig, requireConfig } from '../../config/load.ts';
import { createCounters } from '../../core/counters.ts';
import { KernelError, UsageError } from '../../core/errors.ts';
import { withFields } from '../../core/logger.ts';
import { readPasswd } from '../../kernel/procfs/passwd.ts';
import { createEventStreams } from '../../live/events/stream.ts';
import type { EventFilter, EventsFeed, LiveMessage } from '../../live/events/types.ts';
import { hostResource } from '../../otlp/resource.ts';
import { createLogger } from '../../service/logging.ts';
import { createService } from '../../service/service.ts';
import { version } from '../../service/version.ts';
import { requirePrivileges } from '../live/privileges.ts';
import type { CommandContext } from '../context.ts';
import { configOf, planEvents, type UserId } from './plan.ts';

/** Nobody reads more of them, and a flood shall not take all of this process. */
const EVENTS_PER_SECOND = 20_000;
/** All of the thread's time: there is nothing else to do. */
const LINE_SHARE = 1;
/** For a reader that stalls for a moment. */
const BUFFER_BYTES = 8 * 2 ** 20;
/** There is nothing to be sent. */
const STOP_DEADLINE_MS = 2000;

/** Of the users that the host's own file knows. */
const userNumbers = async (rootPath: string): Promise<UserId> => {
  const users = await readPasswd(rootPath === '/' ? '' : rootPath);
  const numbers = new Map(users.ok ? Array.from(users.value, ([id, name]) => [name, id] as const) : []);
  return (name) => numbers.get(name);
};

async function* messagesOf(chunks: AsyncIterable<string>): AsyncGenerator<LiveMessage> {
  for await (const chunk of chunks) for (const line of chunk.split('\n')) if (line !== '') yield JSON.parse(line) as LiveMessage;
}

/** Loads the programs that the plan needs; they are gone with `close`. Throws a KernelError for who may not, and where the kernel cannot be followed. */
export const openAloneEvents = async (filter: EventFilter, context: CommandContext, rootPath: string): Promise<EventsFeed> => {
  requirePrivileges('events', 'events');
  const plan = planEvents(filter, filter.users.length > 0 ? await userNumbers(rootPath) : undefined);
  if (plan === undefined) throw new UsageError('no event can match');
  const source = generatedSource('(configuration of ringtail events)', configOf(plan, rootPath));
  const loaded = loadConfig([source], await context.registry(), {});
  const config = requireConfig(loaded, source.file, () => {});
  const logger = createLogger(config.telemetry.logs, context.stderr, context.environment);
  const counters = createCounters();
  const resource = hostResource({ rootPath, env: context.environment, configured: {} });
  const kernel = await context.createKernel({
    config: config.kernel,
    counters,
    logger: withFields(logger, { component: 'kernel' }),
    version,
  });
  const service = createService({ config, counters, logger, version, kernel, now: context.now, resource });
  const streams = createEventStreams({ tap: service.view.tap, now: context.now, lineShare: LINE_SHARE });
  const reader = streams.open({ filter: plan.filter, eventsPerSecond: EVENTS_PER_SECOND, bufferBytes: BUFFER_BYTES });
  try {
    await service.start();
  } catch (error) {
    reader.close();
    throw error;
  }
  const receivers = service.view.components().filter(({ kind }) => kind === 'receiver');
  const notes = receivers.flatMap(({ id, health }) => (health.message === '' ? [] : [`${id}: ${health.message}`]));
  if (receivers.every(({ health }) => health.status === 'failed')) {
    await service.stop(STOP_DEADLINE_MS);
    throw new KernelError(`this host tells of nothing that is asked for: ${notes.join('; ')}`, {
      advice: 'ringtail doctor says what is missing',
    });
  }
  return {
    source: `this kernel (${Object.keys(plan.receivers).join(', ')})`,
    notes,
    async close() {
      await service.stop(STOP_DEADLINE_MS);
      // what the kernel had written has come by now
      streams.end('closed');
    },
    [Symbol.asyncIterator]: () => messagesOf(reader),
  };
};
