/** Where `ringtail report` has its pages from: a running Ringtail, else this process itself. */
import { formatDuration } from '../../core/config-types.ts';
import { RuntimeError, UsageError } from '../../core/errors.ts';
import { openReport, type Report } from '../../live/report/report.ts';
import type { ReportFeed, ReportPage, ReportQuery } from '../../live/report/types.ts';
import { QueryError } from '../../live/route.ts';
import type { CommandContext } from '../context.ts';
import type { ControlClient } from '../live/control-client.ts';
import { createAloneKernel, findRunning, type SourceOptions } from '../live/source.ts';

/** Pages until `signal`; an end before that is that of the other side. */
async function* untilAborted(pages: AsyncIterable<ReportPage>, source: string, signal: AbortSignal): AsyncGenerator<ReportPage> {
  yield* pages;
  if (!signal.aborted) throw new RuntimeError(`${source} has ended`, { advice: 'run it again, or look with --alone' });
}

const openAttached = async (query: ReportQuery, client: ControlClient): Promise<ReportFeed> => {
  const abort = new AbortController();
  const { intervalMs, cgroup, containers, recent } = query;
  const asked = { interval: formatDuration(intervalMs), containers, recent, ...(cgroup === '' ? {} : { cgroup }) };
  const pages = untilAborted(await client.stream<ReportPage>('/v1/report', asked, abort.signal), client.source, abort.signal);
  return { source: client.source, close: async () => abort.abort(), [Symbol.asyncIterator]: () => pages };
};

const openAlone = async (query: ReportQuery, options: SourceOptions, context: CommandContext): Promise<ReportFeed> => {
  const { kernel, close } = await createAloneKernel(context, 'sessions', 'report', options);
  const abort = new AbortController();
  let pages: Report;
  try {
    pages = await openReport(kernel, query, abort.signal);
  } catch (error) {
    await close();
    throw error instanceof QueryError ? new UsageError(error.message) : error;
  }
  return {
    source: 'this host, looked at by this process alone',
    async close() {
      abort.abort();
      await close();
    },
    [Symbol.asyncIterator]: () => pages[Symbol.asyncIterator](),
  };
};

/**
 * Throws a UsageError when there is no such cgroup, a KernelError when this user may not look or this host cannot tell, and a RuntimeError when no Ringtail
 * listens at the socket that was named.
 */
export const openReportFeed = async (query: ReportQuery, options: SourceOptions, context: CommandContext): Promise<ReportFeed> => {
  const client = await findRunning(options);
  return client === undefined ? openAlone(query, options, context) : openAttached(query, client);
};
