import { open } from 'node:fs/promises';
import { loadAddon } from '../../kernel/addon.ts';
import { fileSource, readChunks } from '../../kernel/capture/reader.ts';
import { createReplay, type Replay } from '../../kernel/capture/replay.ts';
import type { ProcessConfig } from '../shared/process-config.ts';
import { subscribeProcessEvents } from '../shared/process-events.ts';
import type { Player, PlayOptions } from './player.ts';

/** The receiver whose records a capture gives: they are the same as the live ones, their scope included. */
const LIVE_RECEIVER = 'process';

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
      // the first chunk says which host it was
      unsubscribe ??= subscribeProcessEvents(replay.hub, {
        receiver: LIVE_RECEIVER,
        config,
        processes: replay.lookups.processes,
        resource: { attributes: replay.about()?.resource ?? [] },
        next,
      });
    }
  } finally {
    unsubscribe?.();
    await file.close();
  }
};

/** Plays a capture as the process receiver with `config` would have told it, with the resource of the host that it was recorded on. */
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
