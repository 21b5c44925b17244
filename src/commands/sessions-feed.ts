/** Pages of the sessions of this host: of the Ringtail that runs, else by a kernel side of our own. */
import { createSessionSampler } from '../live/sessions/sampler.ts';
import { makePage } from '../live/sessions/page.ts';
import { sessionsParameters } from '../live/sessions/query.ts';
import type { SessionsFeed, SessionsPage } from '../live/sessions/types.ts';
import { requirePrivileges } from './alone.ts';
import { createAloneKernel, type SourceOptions } from './alone-kernel.ts';
import type { CommandContext } from './context.ts';
import { connectControl, findControl, type ControlClient } from './control-client.ts';

const SESSIONS_PATH = '/v1/sessions';
const ALONE = 'this host, without a Ringtail';

const attached = (client: ControlClient): SessionsFeed => {
  const gone = new AbortController();
  return {
    source: client.source,
    page: (query) => client.page<SessionsPage>(SESSIONS_PATH, sessionsParameters(query), gone.signal),
    close: async () => gone.abort(),
  };
};

const alone = async (context: CommandContext, rootPath: string | undefined): Promise<SessionsFeed> => {
  const { kernel, close } = await createAloneKernel(context, rootPath);
  const sampler = createSessionSampler(kernel);
  return {
    source: ALONE,
    page: async (query) => makePage(await sampler.sample(), query, sampler),
    async close() {
      await sampler.close();
      await close();
    },
  };
};

/**
 * With `socket` only the Ringtail that listens there is asked; with `alone` none. Rejects with a KernelError when neither can be had, with a RuntimeError when nobody
 * listens at `socket`.
 */
export const openSessionsFeed = async (
  context: CommandContext,
  { socket, alone: isAlone = false, rootPath }: SourceOptions,
): Promise<SessionsFeed> => {
  const client = isAlone ? undefined : socket === undefined ? await findControl() : await connectControl(socket);
  if (client !== undefined) return attached(client);
  requirePrivileges('sessions', 'top');
  return await alone(context, rootPath);
};
