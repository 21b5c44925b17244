/** Servers that do what a script says, byte by byte, and not what a protocol says. */
import { createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { listening } from './loopback.ts';

/** A request that has come whole. `count` starts with 1 and goes on over all connections. */
export type HttpScript = (socket: Socket, count: number) => void;

/** HTTP/1.1. `onConnect` may spoil a connection before anything was read; true: it did. */
export const badHttpServer = async (script: HttpScript, onConnect: (socket: Socket, connections: number) => boolean = () => false) => {
  let connections = 0;
  let requests = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    if (onConnect(socket, ++connections)) return;
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const end = received.indexOf('\r\n\r\n');
        const length = /content-length: (\d+)/i.exec(received.toString('latin1', 0, Math.max(0, end)))?.[1];
        if (end < 0 || received.length < end + 4 + Number(length)) return;
        received = received.subarray(end + 4 + Number(length));
        script(socket, ++requests);
      }
    });
  });
  const port = await listening(server);
  return { port, requests: () => requests, connections: () => connections };
};

export const h2 = {
  DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9,
  END_STREAM: 1, ACK: 1, END_HEADERS: 4,
} as const; // prettier-ignore

/** RFC 9113, section 4.1. */
export const frame = (type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

export const u32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, i * 4);
  return bytes;
};

/** Literal fields that are not indexed, without Huffman (RFC 7541, section 6.2.2); each part below 127 bytes. */
export const fields = (headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [
      Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value),
    ]), // prettier-ignore
  );

export type H2Peer = {
  readonly socket: Socket;
  send(...frames: readonly Buffer[]): void;
  /** Headers of an answer that goes on. */
  headers(stream: number, more?: Readonly<Record<string, string>>): void;
  /** One message of gRPC. */
  message(stream: number, bytes: Uint8Array): void;
  /** The end of an answer. */
  trailers(stream: number, more: Readonly<Record<string, string>>): void;
  /** A whole answer. */
  answer(stream: number, bytes: Uint8Array, trailers?: Readonly<Record<string, string>>): void;
};

export type H2Script = {
  /** A request that has come whole; `count` as above. */
  onRequest?(peer: H2Peer, stream: number, count: number): void;
  /** Its headers have come. */
  onHeaders?(peer: H2Peer, stream: number, count: number): void;
  /** Instead of the settings; true: nothing else is done with this connection. */
  onConnect?(socket: Socket, connections: number): boolean;
  /** Pairs of our settings. */
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** Whether the other side may go on sending after its first 64 KiB. */
  readonly closedWindow?: (connections: number) => boolean;
  readonly onPing?: (peer: H2Peer, payload: Buffer) => void;
};

const PREFACE_BYTES = 24;

/** HTTP/2 in plain text. Answers settings and pings, opens windows, and leaves the rest to the script. */
export const badH2Server = async (script: H2Script) => {
  let connections = 0;
  let requests = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    connections++;
    if (script.onConnect?.(socket, connections)) return;
    const closed = script.closedWindow?.(connections) ?? false;
    const send = (...frames: readonly Buffer[]): void => void (socket.destroyed || socket.write(Buffer.concat(frames)));
    const peer: H2Peer = {
      socket,
      send,
      headers: (stream, more = {}) =>
        send(
          frame(
            h2.HEADERS,
            h2.END_HEADERS,
            stream,
            Buffer.concat([Buffer.from([0x88]), fields({ 'content-type': 'application/grpc', ...more })]),
          ),
        ),
      message: (stream, bytes) => send(frame(h2.DATA, 0, stream, Buffer.concat([Buffer.from([0]), u32(bytes.length), bytes]))),
      trailers: (stream, more) => send(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, fields(more))),
      answer(stream, bytes, trailers = { 'grpc-status': '0' }) {
        peer.headers(stream);
        peer.message(stream, bytes);
        peer.trailers(stream, trailers);
      },
    };
    const settings = [...(script.settings ?? []), ...(closed ? [[4, 0] as const] : [])];
    send(frame(h2.SETTINGS, 0, 0, Buffer.concat(settings.map(([id, value]) => Buffer.concat([u32(id).subarray(2), u32(value)])))));
    let received = Buffer.alloc(0);
    let begun = false;
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!begun && received.length < PREFACE_BYTES) return;
      if (!begun) received = received.subarray(PREFACE_BYTES);
      begun = true;
      while (received.length >= 9) {
        const length = received.readUIntBE(0, 3);
        if (received.length < 9 + length) return;
        const [type, flags, stream] = [received[3]!, received[4]!, received.readUInt32BE(5)];
        const payload = Buffer.from(received.subarray(9, 9 + length));
        received = received.subarray(9 + length);
        if (type === h2.SETTINGS && (flags & h2.ACK) === 0) send(frame(h2.SETTINGS, h2.ACK, 0));
        if (type === h2.PING && (flags & h2.ACK) === 0) {
          if (script.onPing !== undefined) script.onPing(peer, payload);
          else send(frame(h2.PING, h2.ACK, 0, payload));
        }
        if (type === h2.HEADERS) script.onHeaders?.(peer, stream, requests + 1);
        if (type === h2.DATA && length > 0 && !closed)
          send(frame(h2.WINDOW_UPDATE, 0, 0, u32(length)), frame(h2.WINDOW_UPDATE, 0, stream, u32(length)));
        if ((type === h2.DATA || type === h2.HEADERS) && (flags & h2.END_STREAM) !== 0) script.onRequest?.(peer, stream, ++requests);
      }
    });
  });
  const port = await listening(server);
  return { port, requests: () => requests, connections: () => connections };
};

/** Calls `more` until it says that there is no room, and again when there is, until the socket is gone. */
export const flood = (socket: Socket, more: () => boolean): void => {
  const go = (): void => {
    while (!socket.destroyed && more());
  };
  socket.on('drain', go);
  go();
};

/** A byte now and one each second, as long as somebody listens. */
export const trickle = (socket: Socket, byte: () => void): void => {
  byte();
  const timer = setInterval(byte, 1000);
  const stop = (): void => clearInterval(timer);
  socket.on('close', stop);
  onTestFinished(stop);
};
