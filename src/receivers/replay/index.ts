/** Plays what was written before: captures of the kernel's records, and files of OTLP. Needs no privilege. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Subject } from 'rxjs';
import { rowsOf, type Batch } from '../../core/batch.ts';
import type { Health, Receiver, ReceiverFactory, Settings } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { createCapturePlayer } from './capture-player.ts';
import { replayConfig, type ReplayConfig } from './config.ts';
import { detectFormat } from './detect.ts';
import { createOtlpPlayer } from './otlp-player.ts';
import { createPace } from './pace.ts';
import type { Player } from './player.ts';

const createReplayReceiver = ({ id, logger, kernel }: Settings<KernelServices>, config: ReplayConfig): Receiver => {
  const logs$ = new Subject<Batch>();
  const finished = Promise.withResolvers<Error | undefined>();
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let playing: Promise<void> | undefined;
  let records = 0;
  let health: Health = { status: 'ok', message: '' };

  const players: Readonly<Record<Exclude<ReplayConfig['format'], 'auto'>, Player>> = {
    capture: createCapturePlayer(config.capture),
    otlp_json: createOtlpPlayer('json'),
    otlp_proto: createOtlpPlayer('proto'),
  };
  const next = (batch: Batch): void => {
    records += rowsOf(batch);
    logs$.next(batch);
  };

  const playAll = async (): Promise<void> => {
    for (let round = 0; (config.repeat === 0 || round < config.repeat) && !stopping.signal.aborted; round++) {
      const pace = createPace(config.pace, stopping.signal);
      for (const path of config.path) {
        if (stopping.signal.aborted) return;
        const format = config.format === 'auto' ? await detectFormat(path) : config.format;
        const until = async (timeMs: number): Promise<boolean> => {
          await pace(timeMs);
          // others get their turn, and who is full its time
          await nextTurn();
          while (!stopping.signal.aborted) {
            const ready = kernel.hub.readiness();
            if (ready === undefined) break;
            await Promise.race([ready, stopped.promise]);
          }
          return !stopping.signal.aborted;
        };
        await players[format]({ path, receiver: id, logger, next, until });
      }
    }
  };

  const play = async (): Promise<void> => {
    try {
      await playAll();
      if (stopping.signal.aborted) return;
      logger.info({ records }, 'the replay is through');
      if (config.at_end === 'stop') finished.resolve(undefined);
    } catch (error) {
      health = { status: 'failed', message: messageOf(error) };
      logger.error({ error: messageOf(error), records }, 'the replay ended early');
      if (config.at_end === 'stop') finished.resolve(error instanceof Error ? error : new Error(String(error)));
    }
  };

  return {
    logs$: logs$.asObservable(),
    finished: finished.promise,
    async start() {
      // so that a file that is not there fails the start, and not what comes after it
      if (config.format === 'auto') for (const path of config.path) await detectFormat(path);
      playing = play();
    },
    async stop() {
      stopping.abort();
      stopped.resolve();
      await playing;
      logs$.complete();
    },
    health: () => ({ ...health, details: { records } }),
  };
};

export const replayReceiver: ReceiverFactory = {
  kind: 'receiver',
  type: 'replay',
  summary: 'Plays captures that `ringtail record` wrote, and files of OTLP logs; needs no privilege',
  signals: ['logs'],
  config: replayConfig,
  // One file alone may stand there without a list.
  hostNeeds: ({ path: paths }: ReplayConfig) =>
    paths.map((path, index) => ({ kind: 'file', path, option: paths.length === 1 ? ['path'] : ['path', index] })),
  create: createReplayReceiver as ReceiverFactory['create'],
};
