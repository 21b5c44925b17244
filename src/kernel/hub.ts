/**
 * Where frames arrive: in order through the gate, then to whoever asked for their kinds, then back to the native thread. Nothing here
 * waits but for the gate, and for those that asked to hold it; the pool of frames bounds what can be under way.
 */
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Loss } from '../otlp/loss.ts';
import type { KernelBatch, KernelFrame } from './frames.ts';

/** A loss as the kernel side counts it: by kind. */
export type LossByKind = Omit<Loss, 'lost'> & { readonly lostByKind: ReadonlyMap<number, number> };

export type Subscriber = {
  /** `enum event_kind`. */
  readonly kinds: readonly number[];
  onBatch(batch: KernelBatch, frame: KernelFrame): void;
  onLoss(loss: Loss): void;
};

/** Where frames wait for facts; see gate.ts. */
export type FrameGate = {
  admit(frame: KernelFrame): Promise<void> | undefined;
  /** The memory of the frame that waits is going away. */
  abandon?(): void;
};

/** Undefined: go on. Else a promise that settles when it is worth asking again. */
export type HoldCheck = () => Promise<void> | undefined;

/** Sees everything before the subscribers do; a recording for instance. */
export type HubObserver = {
  onDispatch(frame: KernelFrame): void;
  onLoss(loss: LossByKind): void;
};

export type Hub = {
  /** Returns a function that ends the subscription. */
  subscribe(subscriber: Subscriber): () => void;
  /** Takes a frame; calls `done` when nobody needs its memory any more. */
  deliver(frame: KernelFrame, done: () => void): void;
  /**
   * From now on no frame is begun while `check` gives a promise: the pool of frames runs empty, reading stops, and the kernel counts what does
   * not fit into the ring. Returns a function that ends it.
   */
  holdWhile(check: HoldCheck): () => void;
  /** For those who bring batches on another way than the ring: undefined = go on, else a promise that settles when it is worth asking again. */
  readiness(): Promise<void> | undefined;
  /** Nobody holds frames back any more, now and later: the end has begun, and what is left shall come through. */
  releaseHolds(): void;
  /** Tells each subscriber once, with the sum over its kinds. */
  tellLoss(loss: LossByKind): void;
  /** Forgets the frames that wait: their memory is going away. Returns their rows. */
  abandon(): number;
  /** Frames that wait or are being worked on. */
  readonly pending: number;
  /** Frames that went through. */
  readonly delivered: number;
};

export type HubOptions = {
  readonly gate: FrameGate;
  readonly logger: Logger;
  readonly observer?: HubObserver | undefined;
  /**
   * Calls later, in another turn of the event loop; until then no other frame is begun. In a flood the next frame always waits already, and what is
   * sent, written and asked needs turns too. Unless it is given, frames go one after the other.
   */
  readonly rest?: (goOn: () => void) => unknown;
};

export const createHub = ({ gate, logger, observer, rest }: HubOptions): Hub => {
  const subscribers = new Set<Subscriber>();
  const queue: { readonly frame: KernelFrame; readonly done: () => void }[] = [];
  let waiting: KernelFrame | undefined;
  let resting = false;
  let delivered = 0;
  const holds = new Set<HoldCheck>();
  /** What is waited for; another one, or none, when that does not count any more. */
  let hold: object | undefined;
  let released = false;
  /** For those that wait outside. */
  let free: PromiseWithResolvers<void> | undefined;

  const ask = (check: HoldCheck): Promise<void> | undefined => {
    try {
      return check();
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'a check of back-pressure failed; nothing is held back');
      return undefined;
    }
  };

  /** True when the next frame must wait; goes on by itself. */
  const isHeld = (): boolean => {
    if (hold !== undefined) return true;
    for (const check of holds) {
      const ready = ask(check);
      if (ready === undefined) continue;
      const mine = (hold = {});
      const goOn = () => {
        if (hold === mine) letGo();
      };
      ready.then(goOn, goOn);
      return true;
    }
    return false;
  };

  const dispatch = ({ frame, done }: (typeof queue)[number]): void => {
    observer?.onDispatch(frame);
    for (const batch of frame.batches) {
      for (const subscriber of subscribers) {
        if (!subscriber.kinds.includes(batch.kind)) continue;
        try {
          subscriber.onBatch(batch, frame);
        } catch (error) {
          logger.error({ error: messageOf(error), kind: batch.kind, rows: batch.rows }, 'a receiver refused a batch');
        }
      }
    }
    delivered++;
    done();
    if (rest === undefined) return;
    resting = true;
    rest(() => {
      resting = false;
      pump();
    });
  };

  const pump = (): void => {
    while (waiting === undefined && queue.length > 0) {
      if (resting || isHeld()) return;
      const next = queue.shift()!;
      const admitted = gate.admit(next.frame);
      if (admitted === undefined) {
        dispatch(next);
        continue;
      }
      waiting = next.frame;
      const goOn = () => {
        if (waiting !== next.frame) return; // abandoned
        waiting = undefined;
        dispatch(next);
        pump();
      };
      admitted.then(goOn, (error: unknown) => {
        logger.error({ error: messageOf(error) }, 'the gate failed; the frame goes on without what it asked for');
        goOn();
      });
    }
  };

  /** Asks everybody again. */
  const letGo = (): void => {
    hold = undefined;
    free?.resolve();
    free = undefined;
    pump();
  };

  return {
    subscribe(subscriber) {
      subscribers.add(subscriber);
      return () => subscribers.delete(subscriber);
    },
    deliver(frame, done) {
      queue.push({ frame, done });
      pump();
    },
    holdWhile(check) {
      if (released) return () => {};
      holds.add(check);
      return () => {
        if (holds.delete(check) && hold !== undefined) letGo();
      };
    },
    readiness: () => (isHeld() ? (free ??= Promise.withResolvers()).promise : undefined),
    releaseHolds() {
      released = true;
      holds.clear();
      letGo();
    },
    tellLoss({ lostByKind, ...loss }) {
      observer?.onLoss({ lostByKind, ...loss });
      for (const subscriber of subscribers) {
        const lost = subscriber.kinds.reduce((sum, kind) => sum + (lostByKind.get(kind) ?? 0), 0);
        if (lost > 0) subscriber.onLoss({ ...loss, lost });
      }
    },
    abandon() {
      const frames = [...(waiting === undefined ? [] : [waiting]), ...queue.map(({ frame }) => frame)];
      if (waiting !== undefined) gate.abandon?.();
      waiting = undefined;
      queue.length = 0;
      return frames.flatMap(({ batches }) => batches).reduce((rows, batch) => rows + batch.rows, 0);
    },
    get pending() {
      return queue.length + (waiting === undefined ? 0 : 1);
    },
    get delivered() {
      return delivered;
    },
  };
};
