/** `ringtail events`: what happens on this host, as it happens. */
import { parseDurationMs } from '../../core/config-types.ts';
import { exitCode, type ExitCode, UsageError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { EventsFeed } from '../../live/events/types.ts';
import { wantsColour } from '../../text/colour.ts';
import type { CommandContext } from '../context.ts';
import { filterOf, openEventsFeed } from './feed.ts';
import { createEventsOutput } from './output.ts';
import { createEventsView, plural } from './view.ts';
import { type LiveOptions, liveSourceOf } from '../options.ts';

export type EventsOptions = LiveOptions & {
  readonly event?: readonly string[];
  readonly container?: readonly string[];
  readonly process?: readonly string[];
  readonly pid?: readonly string[];
  readonly user?: readonly string[];
  readonly port?: readonly string[];
  readonly path?: readonly string[];
  readonly json?: boolean;
  readonly count?: string;
  readonly duration?: string;
  readonly colour?: boolean;
};

/** setTimeout cannot wait longer: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const limitsOf = ({ count, duration }: EventsOptions): { readonly count: number; readonly durationMs: number | undefined } => {
  const wanted = count === undefined ? Number.POSITIVE_INFINITY : /^\d{1,15}$/.test(count) ? Number(count) : 0;
  if (wanted === 0) throw new UsageError(`--count: ${JSON.stringify(count)} is not a whole number from 1`);
  const durationMs = duration === undefined ? undefined : parseDurationMs(duration);
  if (duration !== undefined && (durationMs === undefined || durationMs <= 0 || durationMs > LONGEST_TIMER_MS))
    throw new UsageError(`--duration: ${JSON.stringify(duration)} is no time to look`, {
      advice: 'write it with a unit, as in --duration 30s; three weeks are the most',
    });
  return { count: wanted, durationMs };
};

const endWords: Readonly<Record<string, string>> = { ended: 'Ringtail ended', reloaded: 'Ringtail has another configuration now' };

/** `open` stands in for the feed in tests. */
export const eventsCommand = async (options: EventsOptions, context: CommandContext, open = openEventsFeed): Promise<ExitCode> => {
  const { count, durationMs } = limitsOf(options);
  const { event = [], container = [], process = [], pid = [], user = [], port = [], path = [] } = options;
  const filter = filterOf({ event, container, process, pid, user, port, path });
  const source = liveSourceOf(options);
  const { stdout, stderr, environment } = context;
  const tell = (text: string): void => void stderr.write(`ringtail: ${text}\n`);

  const stop = Promise.withResolvers<'signal' | 'output closed' | 'time'>();
  const endings = [
    context.onSignal(() => stop.resolve('signal')),
    context.onReload(() => stop.resolve('signal')),
    context.onOutputClosed(() => stop.resolve('output closed')),
  ];
  let why: Awaited<typeof stop.promise> | undefined;
  const output = createEventsOutput(stdout);
  void stop.promise.then((reason) => {
    why = reason;
    output.release();
  });
  let [shown, missed, end] = [0, 0, ''];
  let feed: EventsFeed | undefined;
  try {
    feed = await open(filter, source, context);
    const own = feed;
    void stop.promise.then(() => own.close());
    tell(`events of ${printable(feed.source)}; Ctrl-C ends`);
    for (const note of feed.notes) tell(printable(note));
    if (durationMs !== undefined) {
      const timer = setTimeout(() => stop.resolve('time'), durationMs);
      endings.push(() => clearTimeout(timer));
    }
    const view = createEventsView({
      json: options.json === true,
      colour: options.colour !== false && wantsColour({ isTTY: stdout.isTTY, env: environment }),
      width: output.columns,
      now: Date.now,
    });
    for await (const message of feed) {
      // what waits is still shown, unless nobody is there to see it
      if (why === 'output closed') break;
      if (message.type === 'event') shown++;
      else if (message.type === 'missed') missed += message.count;
      else end = message.reason;
      output.add(view.render(message));
      if (shown >= count) break;
      await output.room();
    }
  } finally {
    output.flush();
    for (const ending of endings) ending();
    await feed?.close();
    if (feed !== undefined && why !== 'output closed')
      tell(
        `${plural(shown, 'event')} shown, ${missed} missed${end === '' || why !== undefined ? '' : `; ${endWords[end] ?? printable(end)}`}`,
      );
  }
  return exitCode.done;
};
