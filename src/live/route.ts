/**
 * What the control socket answers at a path. Parts of src/live make routes; the `control` extension serves them, and does the pumping: bounds,
 * back-pressure, time-outs, HEAD.
 */
import type { ServiceView } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import type { Logger } from '../core/logger.ts';

export type RouteSettings = {
  /** Services of src/kernel/, typed there. */
  readonly kernel: unknown;
  readonly service: ServiceView;
  readonly logger: Logger;
  readonly counters: Counters;
  readonly version: string;
};

/**
 * `query` has the parameters as they came. What is wrong with it is thrown as a QueryError, by `page` and `open` themselves and before anything is
 * answered. `signal` is aborted when nobody waits any more, and when the extension stops.
 */
export type Route = {
  /** As `/v1/sessions`. */
  readonly path: string;
  /** It is answered while Ringtail starts and stops too; the kernel services do not run then. */
  readonly anytime?: true;
  /** Ends everything that goes on for this route, when the extension stops. Never rejects. */
  close?(): Promise<void>;
} & (
  | {
      /** One JSON document; it is told as `JSON.stringify` writes it. */
      page(query: URLSearchParams, signal: AbortSignal): object | Promise<object>;
    }
  | {
      /**
       * A stream: each text is one or several whole lines of JSON, each ended by a line feed. The next one is asked for when the reader has room for it, so that what is
       * made meanwhile is bounded by who makes it. Returns when it ends; after `signal` it ends at once. `return()` of the iterator is called when the reader is gone.
       */
      open(query: URLSearchParams, signal: AbortSignal): AsyncIterable<string> | Promise<AsyncIterable<string>>;
    }
);

/** A query that cannot be answered; the message says what is allowed. Told with status 400. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
}

/** A host that cannot tell, a part that does not run: told with status 503. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}
