/** Makes connections: TCP, through a proxy where there is one, and TLS over it. */
import { connect, isIP, type Socket } from 'node:net';
import tls from 'node:tls';
import { messageOf } from '../../core/errors.ts';
import type { Endpoint } from './endpoint.ts';
import type { Proxy } from './proxy.ts';
import type { TlsMaterial, TlsSource } from './tls-source.ts';
import type { TlsConfig } from './tls-config.ts';
import { doubtOf, wordsFor } from './connection-words.ts';

/** The kernel asks after this long whether a silent peer is still there. */
const TCP_KEEPALIVE_MS = 30_000;
/** An answer to CONNECT is a status line and a few headers. */
const MAX_PROXY_ANSWER_BYTES = 16 * 1024;

/** A connection could not be made. The message is whole, for people, and holds no secret. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

export type DialerOptions = {
  readonly endpoint: Endpoint;
  readonly tls: TlsConfig;
  readonly proxy: Proxy | undefined;
  /** Go through the proxy by CONNECT also when the endpoint is plain text. */
  readonly tunnel: boolean;
  /** Protocols offered in TLS. */
  readonly alpn?: readonly string[];
  /** Needed when the endpoint or the proxy is secure. */
  readonly source: TlsSource | undefined;
};

export type Dialer = {
  /** A connected socket, ready for the protocol, within `timeoutMs`; else a ConnectError. `signal` gives up. */
  dial(timeoutMs: number, signal?: AbortSignal): Promise<Socket>;
  /** Of what a connection would use now; another object when certificates were changed. */
  material(): Promise<TlsMaterial | undefined>;
  /** An error on a connection that was made, for people. */
  words(error: unknown): string;
  /** Why the other side may have closed a connection without a word. */
  doubt(): string;
};

/** `host:port`, with brackets around an address of IPv6. */
export const addressOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Takes note of a socket as soon as it exists. */
type Keep = (socket: Socket) => void;

/** Resolves at the event, rejects at an error or the end. Takes its listeners back. */
const once = (socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      socket.off(event, onEvent).off('error', onError).off('close', onClose);
      end();
    };
    const onEvent = (): void => settle(resolve);
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(new Error('closed before it was there')));
    socket.on(event, onEvent).on('error', onError).on('close', onClose);
  });

/** Reads the answer to CONNECT up to its empty line; what comes behind it goes back into the socket. Gives its status. */
const readProxyAnswer = (socket: Socket): Promise<number> =>
  new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const settle = (end: () => void): void => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      socket.pause();
      end();
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(new Error('closed without an answer')));
    const onData = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf('\r\n\r\n');
      if (end < 0 && answer.length > MAX_PROXY_ANSWER_BYTES) return settle(() => reject(new Error('no answer of a proxy')));
      if (end < 0) return;
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(answer.toString('latin1', 0, 20))?.[1];
      settle(() => {
        const rest = answer.subarray(end + 4);
        if (rest.length > 0) socket.unshift(rest);
        if (status === undefined) reject(new Error('no answer of a proxy'));
        else resolve(Number(status));
      });
    };
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });

export const createDialer = (options: DialerOptions): Dialer => {
  const { endpoint, tls: config, proxy, tunnel, alpn, source } = options;
  const address = addressOf(endpoint);
  const name = config.server_name_override ?? endpoint.host;
  const words = (error: unknown): string => wordsFor(error, { address, name, tls: config });

  const secure = async (socket: Socket, wanted: string, protocols: readonly string[] | undefined, keep: Keep): Promise<Socket> => {
    const { context } = await source!.current();
    const secured = tls.connect({
      socket,
      // what the certificate is compared with, and what is asked for; an address cannot be asked for (RFC 6066, section 3)
      host: wanted,
      servername: isIP(wanted) === 0 ? wanted : '',
      secureContext: context,
      rejectUnauthorized: !config.insecure_skip_verify,
      ...(protocols && { ALPNProtocols: [...protocols] }),
    });
    keep(secured);
    await once(secured, 'secureConnect');
    return secured;
  };

  const reach = async (keep: Keep): Promise<Socket> => {
    const target = proxy ?? endpoint;
    let socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    });
    keep(socket);
    const at = proxy === undefined ? '' : `proxy ${addressOf(proxy)}: `;
    try {
      await once(socket, 'connect');
      if (proxy?.secure) socket = await secure(socket, proxy.host, undefined, keep);
      if (proxy !== undefined && (tunnel || endpoint.secure)) {
        const credentials = proxy.authorization === undefined ? '' : `Proxy-Authorization: ${proxy.authorization.reveal()}\r\n`;
        socket.write(`CONNECT ${address} HTTP/1.1\r\nHost: ${address}\r\n${credentials}\r\n`);
        const status = await readProxyAnswer(socket);
        if (status === 407) throw new Error('it wants other credentials than those in proxy_url (status 407)');
        if (status < 200 || status > 299) throw new Error(`it does not connect to ${address} (status ${status})`);
      }
    } catch (error) {
      if (proxy === undefined) throw new ConnectError(words(error));
      const inner = wordsFor(error, { address: addressOf(proxy), name: proxy.host, tls: config });
      throw new ConnectError(at + inner);
    }
    try {
      if (endpoint.secure) socket = await secure(socket, name, alpn, keep);
    } catch (error) {
      throw new ConnectError(words(error));
    }
    // in TLS 1.3 a refusal of our certificate comes after the handshake, and maybe in the same read
    if (socket.destroyed) throw new ConnectError(words(socket.errored ?? new Error(`${address} closed the connection`)));
    return socket;
  };

  return {
    async dial(timeoutMs, signal) {
      const sockets: Socket[] = [];
      let stop: ((error: ConnectError) => void) | undefined;
      const stopped = new Promise<never>((_, reject) => (stop = reject));
      const timer = setTimeout(() => stop!(new ConnectError(`no connection to ${address} within ${timeoutMs} ms`)), timeoutMs);
      const onAbort = (): void => stop!(new ConnectError('closed'));
      if (signal?.aborted) onAbort();
      signal?.addEventListener('abort', onAbort);
      try {
        return await Promise.race([
          stopped,
          reach((socket) => {
            // an error that nobody waits for is none
            socket.on('error', () => {});
            sockets.push(socket);
          }),
        ]);
      } catch (error) {
        for (const socket of sockets) socket.destroy();
        throw error instanceof ConnectError ? error : new ConnectError(messageOf(error));
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      }
    },
    material: async () => await source?.current(),
    words,
    doubt: () => (endpoint.secure ? doubtOf(config) : 'it may expect TLS (https://)'),
  };
};
