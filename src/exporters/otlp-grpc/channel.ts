/** The way to one endpoint: a connection that is made when it is wanted, and made again, with growing pauses, when it ends. */
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { ConnectError } from '../shared/dial.ts';
import type { TlsMaterial } from '../shared/tls-source.ts';
import { type Keepalive, type Link, type LinkOptions, openLink } from './link.ts';

/** Between two attempts to connect. The queue waits too, much longer; this holds back many consumers that try at once. */
const FIRST_PAUSE_MS = 100;
const PAUSE_GROWTH = 1.6;
const MAX_PAUSE_MS = 5000;
const PAUSE_SPREAD = 0.2;

export type Channel = {
  /** A connection for one call, within `timeoutMs`; else a ConnectError. */
  link(timeoutMs: number): Promise<Link>;
  close(): void;
};

export type ChannelOptions = Omit<LinkOptions, 'onTooManyPings'> & { readonly connectTimeoutMs: number };

export const createChannel = (options: ChannelOptions): Channel => {
  const { dialer, connectTimeoutMs } = options;
  const closing = new AbortController();
  let keepalive: Keepalive = options.keepalive;
  let current: { readonly link: Link; readonly material: TlsMaterial | undefined } | undefined;
  let connecting: Promise<Link> | undefined;
  let failures = 0;
  let notBeforeMs = 0;
  let lastError = '';

  const onTooManyPings = (): void => {
    keepalive = { ...keepalive, timeMs: keepalive.timeMs * 2 };
  };

  const connect = async (): Promise<Link> => {
    const waitMs = notBeforeMs - performance.now();
    if (waitMs > 0) await pause(waitMs, undefined, { signal: closing.signal });
    try {
      const material = await dialer.material();
      const link = await openLink({ ...options, keepalive, onTooManyPings }, connectTimeoutMs, closing.signal);
      current = { link, material };
      failures = 0;
      notBeforeMs = 0;
      return link;
    } catch (error) {
      lastError = messageOf(error);
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * PAUSE_GROWTH ** failures);
      notBeforeMs = performance.now() + pauseMs * (1 + PAUSE_SPREAD * (2 * Math.random() - 1));
      failures++;
      throw error;
    }
  };

  return {
    async link(timeoutMs) {
      if (closing.signal.aborted) throw new ConnectError('closed');
      if (current?.link.usable()) {
        if ((await dialer.material()) === current?.material && current?.link.usable()) return current.link;
        // other certificates: what is under way ends on the old connection
        current?.link.retire();
        current = undefined;
      }
      if (connecting === undefined) {
        connecting = connect().finally(() => (connecting = undefined));
        // those that wait hear of it; nobody may wait any more
        connecting.catch(() => {});
      }
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new ConnectError(`no connection within ${timeoutMs} ms${lastError && `: ${lastError}`}`)),
          timeoutMs,
        );
      });
      try {
        return await Promise.race([connecting, late]);
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      closing.abort();
      current?.link.destroy();
    },
  };
};
