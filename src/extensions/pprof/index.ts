import type { Extension, ExtensionFactory, ExtensionSettings, HostNeed } from '../../core/component.ts';
import { endpointNeeds, endpointWarnings } from '../shared/config.ts';
import { json, text, type Asked, type Reply } from '../shared/http-server.ts';
import { createPageServer } from '../shared/page-server.ts';
import { pprofConfig, type PprofConfig } from './config.ts';
import { takeCpuProfile, writeHeapSnapshot } from './profiler.ts';

const PROFILE = '/debug/pprof/profile';
const HEAP = '/debug/pprof/heap';
const DEFAULT_SECONDS = 10;
/** For what is not the profile itself: to write it down and send it. */
const ANSWER_GRACE_MS = 60_000;

const hostNeeds = (config: PprofConfig): readonly HostNeed[] => [
  ...endpointNeeds(config),
  ...(config.directory === undefined ? [] : [{ kind: 'directory', path: config.directory, create: true, option: ['directory'] } as const]),
];

/** Where the time and the memory of Ringtail itself go, on request. */
export const pprofExtension: ExtensionFactory = {
  kind: 'extension',
  type: 'pprof',
  stability: 'beta',
  summary: 'CPU profiles and heap snapshots of Ringtail itself, on request',
  signals: [],
  config: pprofConfig,
  hostNeeds,
  warnings: (config: PprofConfig) => endpointWarnings(config, 'may slow Ringtail down'),
  create({ id, logger }: ExtensionSettings, config: PprofConfig): Extension {
    let isBusy = false;
    const stopping = new AbortController();

    /** One at a time: they change what the other measures. */
    const alone = async (work: () => Promise<Reply>): Promise<Reply> => {
      if (isBusy) return text(409, 'another one is being taken');
      isBusy = true;
      try {
        return await work();
      } finally {
        isBusy = false;
      }
    };

    const profile = async ({ query, signal }: Asked): Promise<Reply> => {
      const wanted = query.get('seconds') ?? String(Math.min(DEFAULT_SECONDS, config.max_duration / 1000));
      const ms = /^\d{1,4}(?:\.\d{1,3})?$/.test(wanted) ? Number(wanted) * 1000 : Number.NaN;
      if (!(ms > 0 && ms <= config.max_duration)) return text(400, `seconds: more than 0 and at most ${config.max_duration / 1000}`);
      const body = await takeCpuProfile(ms, AbortSignal.any([signal, stopping.signal]));
      const name = `ringtail-${new Date().toISOString().replaceAll(':', '')}.cpuprofile`;
      return { status: 200, type: 'application/json', body, headers: { 'content-disposition': `attachment; filename="${name}"` } };
    };

    const heap = async (): Promise<Reply> => {
      if (config.directory === undefined) return text(404, `extensions.${id}.directory says where heap snapshots go; it is not set`);
      const file = await writeHeapSnapshot(config.directory, config.keep, Date.now());
      logger.warn(file, 'a heap snapshot was written; it holds secrets');
      return json(200, file);
    };

    const server = createPageServer({
      id,
      logger,
      endpoint: config.endpoint,
      hosts: config.hosts,
      paths: [`${PROFILE}?seconds=N`, HEAP],
      answerTimeoutMs: config.max_duration + ANSWER_GRACE_MS,
      answer(asked) {
        if (asked.isHead) return asked.path === PROFILE || asked.path === HEAP ? text(200, '') : undefined;
        if (asked.path === PROFILE) return alone(() => profile(asked));
        return asked.path === HEAP ? alone(heap) : undefined;
      },
    });
    return {
      start: server.start,
      stop(deadlineMs) {
        stopping.abort();
        return server.stop(deadlineMs);
      },
    };
  },
};
