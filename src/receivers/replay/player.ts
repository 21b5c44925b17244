/** What plays a file: batches go to `next` in order; the caller says when each step may be taken. */
import type { Batch } from '../../core/batch.ts';
import type { Logger } from '../../core/logger.ts';

export type PlayOptions = {
  readonly path: string;
  readonly receiver: string;
  readonly logger: Logger;
  readonly next: (batch: Batch) => void;
  /** Waits until what happened at this Unix time, ms, may be played; false: the replay was stopped. */
  readonly until: (timeMs: number) => Promise<boolean>;
};

/** Throws a typed error when the file is damaged; what came before that was played. */
export type Player = (options: PlayOptions) => Promise<void>;
