/** Pages of the sessions of this host: of the Ringtail that runs, else by a kernel side of our own. */
import { createSessionSampler } from '../../live/sessions/sampler.ts';
import { makePage } from '../../live/sessions/page.ts';
import { sessionsParameters } from '../../live/sessions/query.ts';
import type { SessionsFeed, SessionsPage } from '../../live/sessions/types.ts';
import type { CommandContext } from '../context.ts';
import type { ControlClient } from './control-client.ts';
import { createAloneKernel, findRunning, type SourceOptions } from './source.ts';

const SESSIONS_PATH = '/v1/sessions';
const ALONE = 'this host, looked at by this process alone';

const attached = (client: ControlClient): SessionsFeed => {
  const gone = new AbortController();
  return {
    source: client.source,
    page: (query) => client.page<SessionsPage>(SESSIONS_PATH, sessionsParameters(query), gone.signal),
    close: async () => gone.abort(),
  };
};

const alone = async (options: SourceOptions, context: CommandContext): Promise<SessionsFeed> => {
  const { kernel, close } = await createAloneKernel(context, 'sessions', 'top', options);
  const sampler = createSessionSampler(kernel, { keepMs: Infinity });
  return {
    source: ALONE,
    page: async (query) => makePage(await sampler.sample(), query, sampler),
    async close() {
      await sampler.close();
      await close();
    },
  };
};

/** Rejects as `findRunning` and `createAloneKernel` do. */
export const openSessionsFeed = async (context: CommandContext, options: SourceOptions): Promise<SessionsFeed> => {
  const client = await findRunning(options);
  return client === undefined ? await alone(options, context) : attached(client);
};
