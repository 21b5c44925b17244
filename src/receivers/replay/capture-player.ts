import { open } from 'node:fs/promises';
import { loadAddon } from '../../kernel/addon.ts';
import { fileSource, readChunks } from '../../kernel/capture/reader.ts';
import { createReplay, type Replay } from '../../kernel/capture/replay.ts';
import { subscribeCallEvents } from '../shared/call-events.ts';
import { callsOf, listedCalls } from '../shared/call-names.ts';
import type { ProcessConfig } from '../shared/process-config.ts';
import { subscribeProcessEvents } from '../shared/process-events.ts';
import { allSessions, subscribeSessionEvents } from '../shared/session-events.ts';
import type { Player, PlayOptions } from './player.ts';

/** The receivers whose records a capture gives: they are the same as the live ones, their scope included. */
const LIVE_RECEIVERS = { processes: 'process', calls: 'syscalls', sessions: 'sockets' } as const;

/** The first chunk was played: it says which host it was. */
const subscribe = (replay: Replay, config: ProcessConfig, next: PlayOptions['next']): (() => void) => {
  const about = replay.about();
  const resource = { attributes: about?.resource ?? [] };
  const { processes } = replay.lookups;
  const ends = [
    subscribeProcessEvents(replay.hub, { receiver: LIVE_RECEIVERS.processes, config, processes, resource, next }),
    subscribeCallEvents(replay.hub, {
      receiver: LIVE_RECEIVERS.calls,
      calls: callsOf(listedCalls),
      machine: about?.kernel.machine ?? '',
      withTotals: false,
      resource,
      next,
    }),
    subscribeSessionEvents(replay.hub, { ...allSessions, receiver: LIVE_RECEIVERS.sessions, resource, next }),
  ];
  return () => {
    for (const end of ends) end();
  };
};

/** Returns false when it was stopped. */
const playChunks = async (replay: Replay, config: ProcessConfig, { path, logger, next, until }: PlayOptions): Promise<void> => {
  const file = await open(path);
  let unsubscribe: (() => void) | undefined;
  try {
    const chunks = readChunks(fileSource(file));
    for (;;) {
      const step = await chunks.next();
      if (step.done === true) {
        if (step.value === 'cut')
          logger.warn({ path, records: replay.records }, 'the capture was cut off; its last whole chunk was the last');
        return;
      }
      const timeMs = replay.timeOf(step.value);
      if (timeMs !== undefined && !(await until(timeMs))) return;
      replay.play(step.value);
      unsubscribe ??= subscribe(replay, config, next);
    }
  } finally {
    unsubscribe?.();
    await file.close();
  }
};

/**
 * Plays a capture as the process receiver with `config` would have told it, and as those of system calls and of sockets would with all of theirs; with
 * the resource of the host that it was recorded on.
 */
export const createCapturePlayer =
  (config: ProcessConfig): Player =>
  async (options) => {
    const replay = createReplay({ addon: loadAddon(), logger: options.logger });
    try {
      await playChunks(replay, config, options);
    } finally {
      replay.close();
    }
  };
