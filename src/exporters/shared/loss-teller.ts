/**
 * What a full queue dropped is told in the data, by `ringtail.loss` events in the exporter's own stream. Every dropped record is told once: when
 * a request that tells of a loss is dropped itself, what it told is told again.
 */
import type { Batch } from '../../core/batch.ts';
import { lossBatch, type Loss } from '../../otlp/loss.ts';

export type LossTeller = {
  /** Records of this receiver came in. */
  saw(receiver: string): void;
  /** A request with this many records was dropped now; `told` is the loss that it would have told. */
  dropped(records: number, told: Loss | undefined): void;
  /** Gives `append` one row with what was not told yet, if there is anything; it must end up in the request that is open afterwards. */
  tell(append: (batch: Batch) => void): void;
  /** The open request is closed; returns what it tells. */
  closed(): Loss | undefined;
};

const sum = (a: Loss | undefined, b: Loss | undefined): Loss | undefined =>
  a === undefined || b === undefined
    ? (a ?? b)
    : { ...a, lost: a.lost + b.lost, startMs: Math.min(a.startMs, b.startMs), endMs: Math.max(a.endMs, b.endMs) };

/** `nowMs` is Unix time. */
export const createLossTeller = (exporter: string, nowMs: () => number = Date.now): LossTeller => {
  let receiver: string | undefined;
  let several = false;
  let untold: Loss | undefined;
  let inOpenRequest: Loss | undefined;
  return {
    saw(from) {
      receiver ??= from;
      if (receiver !== from) several = true;
    },
    dropped(records, told) {
      const now = nowMs();
      untold = sum(untold, sum(told, { reason: 'queue_full', lost: records, startMs: now, endMs: now }));
    },
    tell(append) {
      if (untold === undefined) return;
      const loss = untold;
      untold = undefined;
      // with several receivers nobody knows whose records a request held
      try {
        append(lossBatch(several ? undefined : receiver, loss, exporter));
        inOpenRequest = sum(inOpenRequest, loss);
      } catch (error) {
        untold = sum(untold, loss);
        throw error;
      }
    },
    closed() {
      const told = inOpenRequest;
      inOpenRequest = undefined;
      return told;
    },
  };
};
