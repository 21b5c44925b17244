/** `ringtail top`: the sessions that are open now, on a screen, as tables, or as JSON. */
import { hostname } from 'node:os';
import type { ExitCode } from '../../core/errors.ts';
import { readCommandLine } from '../../kernel/procfs/process.ts';
import type { SessionsFeed } from '../../live/sessions/types.ts';
import { wantsColour } from '../../text/colour.ts';
import type { CommandContext } from '../context.ts';
import type { LiveOptions } from '../options.ts';
import { type TopOptions, topSettings } from './options.ts';
import { printPages } from './plain.ts';
import { runTopScreen } from './screen.ts';

export type OpenSessionsFeed = (context: CommandContext, options: LiveOptions) => Promise<SessionsFeed>;

/** As much of the arguments as a screen may show. */
const COMMAND_BYTES = 2048;

const readCommandOf =
  (root: string) =>
  async (pid: number): Promise<string> => {
    const line = await readCommandLine(root, pid, COMMAND_BYTES);
    return line.ok ? line.value.args.map((arg) => Buffer.from(arg).toString('utf8')).join(' ') : '';
  };

/** Throws what the feed throws when it cannot begin; on a screen, what comes later is shown and tried again. */
export const topCommand = async (options: TopOptions, context: CommandContext, openFeed: OpenSessionsFeed): Promise<ExitCode> => {
  const settings = topSettings(options);
  const feed = await openFeed(context, settings.source);
  const { isTTY, columns } = context.stdout as { readonly isTTY?: boolean; readonly columns?: number };
  const colour = options.colour !== false && wantsColour({ isTTY, env: context.environment });
  try {
    const terminal = settings.isScreen ? context.terminal() : undefined;
    const { rootPath = '/' } = settings.source;
    if (terminal !== undefined)
      return await runTopScreen(feed, settings, {
        context,
        terminal,
        host: hostname(),
        colour,
        readCommand: readCommandOf(rootPath === '/' ? '' : rootPath),
      });
    const width = isTTY === true && columns !== undefined && columns > 0 ? columns : undefined;
    return await printPages(feed, settings, { context, host: hostname(), options: { colour, width } });
  } finally {
    await feed.close();
  }
};
