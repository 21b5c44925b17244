/** One HTTP/2 connection, from the dial to its end. */
import { executionAsyncResource } from 'node:async_hooks';
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { ConnectError, type Dialer } from '../shared/dial.ts';
import type { Endpoint } from '../shared/endpoint.ts';
import { nameOfReset } from './status.ts';

/** Requests that wait for the other side's window are ours and bounded by the queue; nghttp2's default of 10 MB would refuse some. */
const MAX_SESSION_MEMORY_MIB = 1024;
/** How the other side says that pings come too often, with a word (RFC 9113, section 7). */
const ENHANCE_YOUR_CALM = 11;

/**
 * Keeps the native half of a session until the last of its streams was collected. Node (24.21) aborts the process when the collector frees a
 * session before one of its streams that was cut off within a block of headers, as by a server that dies in the midst of its answer.
 */
const nativeSessions = new FinalizationRegistry<object>(() => {});

export type Keepalive = { readonly timeMs: number; readonly timeoutMs: number; readonly permitWithoutStream: boolean };

export type Link = {
  readonly session: ClientHttp2Session;
  /** Opens a stream, to which a body is still written. Throws when the session has ended. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream;
  /** Whether new calls may go over it. */
  usable(): boolean;
  /** Why it ended; undefined while it lives. */
  ended(): string | undefined;
  /** Bytes that came so far: whether the other side lives. */
  bytesRead(): number;
  /** A call begins; the function ends it. */
  begin(): () => void;
  /** Takes no more calls, and closes after the last. */
  retire(): void;
  destroy(): void;
};

export type LinkOptions = {
  readonly dialer: Dialer;
  readonly endpoint: Endpoint;
  readonly authority: string;
  readonly keepalive: Keepalive;
  /** The other side was asked too often whether it lives. */
  readonly onTooManyPings: () => void;
};

/** Connects and waits for the other side's settings, within `timeoutMs`; else a ConnectError. */
export const openLink = async (options: LinkOptions, timeoutMs: number, signal: AbortSignal): Promise<Link> => {
  const { dialer, endpoint, authority, keepalive, onTooManyPings } = options;
  const startMs = performance.now();
  const socket = await dialer.dial(timeoutMs, signal);
  if (endpoint.secure && (socket as { alpnProtocol?: unknown }).alpnProtocol !== 'h2') {
    socket.destroy();
    throw new ConnectError(`${authority} offers no HTTP/2 in TLS; if it speaks OTLP over HTTP, that is otlp_http`);
  }
  const session = http2.connect(`${endpoint.secure ? 'https' : 'http'}://${authority}`, {
    createConnection: () => socket,
    settings: { enablePush: false },
    maxSessionMemory: MAX_SESSION_MEMORY_MIB,
  });
  /** Of a connection that ended before HTTP/2 began. */
  const guess = `${dialer.doubt()}, or ${endpoint.secure ? 'speak another protocol' : 'speak OTLP over HTTP, which is otlp_http'}`;
  let usable = true;
  let ended: string | undefined;
  let calls = 0;
  let retired = false;
  /** HTTP/2 has begun. */
  let isOpen = false;
  let nativeSession: object | undefined;
  let unanswered: NodeJS.Timeout | undefined;
  let pinging: NodeJS.Timeout | undefined;

  session.on('goaway', (code, _last, data) => {
    usable = false;
    const word = data === undefined || data.length === 0 ? '' : ` (${Buffer.from(data).toString('latin1')})`;
    ended = `${authority} ends the connection: ${nameOfReset(code)}${word}`;
    if (code === ENHANCE_YOUR_CALM && word.includes('too_many_pings')) onTooManyPings();
  });
  session.on('error', (error) => {
    usable = false;
    ended ??= dialer.words(error);
  });
  /** The session alone would wait for writes that nobody reads. */
  const destroy = (): void => {
    session.destroy();
    socket.destroy();
  };
  // TLS tells its errors here and goes on
  socket.on('error', (error) => {
    usable = false;
    ended ??= dialer.words(error);
    socket.destroy();
  });
  session.on('close', () => {
    usable = false;
    if (isOpen) ended ??= `${authority} closed the connection`;
    clearInterval(pinging);
    clearTimeout(unanswered);
  });

  await new Promise<void>((resolve, reject) => {
    const fail = (message: string): void => {
      destroy();
      settle(() => reject(new ConnectError(message)));
    };
    const onSettings = (): void => {
      isOpen = true;
      nativeSession = executionAsyncResource();
      settle(resolve);
    };
    const onError = (error: Error & { code?: string }): void =>
      fail(error.code?.startsWith('ERR_HTTP2') ? `${authority} does not speak HTTP/2 as wanted: ${guess}` : dialer.words(error));
    const onClose = (): void => fail(ended ?? `${authority} closed the connection before it spoke HTTP/2: ${guess}`);
    const onAbort = (): void => fail('closed');
    const leftMs = Math.max(1, timeoutMs - (performance.now() - startMs));
    const timer = setTimeout(() => fail(`${authority} accepted the connection and said nothing within ${timeoutMs} ms`), leftMs);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      session.off('remoteSettings', onSettings).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      end();
    };
    session.on('remoteSettings', onSettings).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort);
  });

  let bytesSeen = -1;
  const ping = (): void => {
    // whoever sends lives
    const silent = socket.bytesRead === bytesSeen;
    bytesSeen = socket.bytesRead;
    // a session that was destroyed is told of a little later, and throws until then
    if (session.destroyed || !silent || unanswered !== undefined || (calls === 0 && !keepalive.permitWithoutStream)) return;
    unanswered = setTimeout(() => {
      ended ??= `${authority} did not answer a ping within ${keepalive.timeoutMs} ms`;
      destroy();
    }, keepalive.timeoutMs);
    session.ping(() => {
      clearTimeout(unanswered);
      unanswered = undefined;
    });
  };
  if (keepalive.timeMs > 0) pinging = setInterval(ping, keepalive.timeMs).unref();

  return {
    session,
    request(headers) {
      const stream = session.request(headers, { endStream: false });
      if (nativeSession !== undefined) nativeSessions.register(stream, nativeSession);
      return stream;
    },
    usable: () => usable && !retired,
    ended: () => ended,
    bytesRead: () => socket.bytesRead,
    begin() {
      calls++;
      return () => {
        calls--;
        if (calls === 0 && retired) destroy();
      };
    },
    retire() {
      retired = true;
      if (calls === 0) destroy();
    },
    destroy,
  };
};
