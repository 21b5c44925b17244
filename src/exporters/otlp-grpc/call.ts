/** One unary call over a connection: gRPC over HTTP2. */
import http2, { type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Link } from './link.ts';
import { REFUSED_STREAM, codeOfHttpStatus, codeOfReset, decodeGrpcMessage, grpcCodes, nameOfReset } from './status.ts';

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM: END_STREAM } = http2.constants;

/** Before every message: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;
/** An answer is a few bytes; what is larger is no answer. */
export const MAX_ANSWER_BYTES = 64 * 1024;

export type CallResult = {
  readonly code: number;
  readonly message: string;
  /** `google.rpc.Status`, when there was one. */
  readonly details?: Buffer;
  /** The bytes of the answer with its prefix. */
  readonly answer: Buffer;
  /** How the answer is compressed. */
  readonly encoding: string;
  /** The other side has not looked at the request, so that it may be sent again at once. */
  readonly unprocessed: boolean;
};

const first = (value: string | readonly string[] | undefined): string | undefined => (typeof value === 'string' ? value : value?.[0]);

type Failure = Pick<CallResult, 'code' | 'message'> & { readonly unprocessed?: boolean };

/** The status that stands in trailers, or in the headers of an answer that is nothing else; undefined when there is none. */
const statusIn = (headers: IncomingHttpHeaders): (Failure & { readonly details?: Buffer }) | undefined => {
  const status = first(headers['grpc-status']);
  if (status === undefined) return undefined;
  if (!/^\d{1,3}$/.test(status)) return { code: grpcCodes.UNKNOWN, message: 'the answer has a grpc-status that is no number' };
  const details = first(headers['grpc-status-details-bin'])?.split(',', 1)[0];
  return {
    code: Number(status),
    message: decodeGrpcMessage(first(headers['grpc-message']) ?? ''),
    ...(details !== undefined && { details: Buffer.from(details, 'base64') }),
  };
};

/** Sends one message and waits for its status. Settles within `timeoutMs`, whatever the other side does. `signal` cancels. */
export const unaryCall = (
  link: Link,
  headers: OutgoingHttpHeaders,
  prefix: Buffer,
  message: Buffer,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CallResult> =>
  new Promise((resolve) => {
    const bytesBefore = link.bytesRead();
    let stream: ClientHttp2Stream;
    try {
      stream = link.request(headers);
    } catch {
      // it ended between the choice and now
      const lost = { code: grpcCodes.UNAVAILABLE, message: link.ended() ?? 'the connection ended', unprocessed: true };
      return resolve({ ...lost, answer: Buffer.alloc(0), encoding: '' });
    }
    const end = link.begin();
    const chunks: Buffer[] = [];
    let length = 0;
    let initial: IncomingHttpHeaders | undefined;
    let status: ReturnType<typeof statusIn>;
    let readAll = false;
    let settled = false;

    const settle = ({ unprocessed = false, ...result }: Failure & { readonly details?: Buffer }): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (!stream.closed) stream.close(NGHTTP2_CANCEL);
      // whatever still comes is thrown away
      stream.resume();
      end();
      resolve({ ...result, unprocessed, answer: Buffer.concat(chunks), encoding: first(initial?.['grpc-encoding']) ?? 'identity' });
    };
    const onAbort = (): void => settle({ code: grpcCodes.CANCELLED, message: 'closed' });
    const timer = setTimeout(() => {
      // not a byte in all this time: the connection may be dead, and the next call had better have another
      if (link.bytesRead() === bytesBefore) link.retire();
      settle({ code: grpcCodes.DEADLINE_EXCEEDED, message: 'no answer in time' });
    }, timeoutMs);

    stream.on('response', (received, flags) => {
      initial = received;
      const httpStatus = Number(received[':status']);
      status = statusIn(received);
      if (status !== undefined && (flags & END_STREAM) !== 0) return settle(status);
      if (httpStatus !== 200)
        return settle(status ?? { code: codeOfHttpStatus(httpStatus), message: `HTTP status ${httpStatus} and no gRPC status` });
      if (!/^application\/grpc\b/.test(received['content-type'] ?? ''))
        settle({ code: grpcCodes.UNKNOWN, message: 'the other side does not answer by gRPC' });
    });
    stream.on('data', (chunk: Buffer) => {
      if (settled) return;
      length += chunk.length;
      if (length > PREFIX_BYTES + MAX_ANSWER_BYTES) {
        settle({ code: grpcCodes.RESOURCE_EXHAUSTED, message: `an answer of more than ${MAX_ANSWER_BYTES} bytes` });
        // who sends that may go on sending although the stream is closed
        return link.destroy();
      }
      chunks.push(chunk);
    });
    stream.on('trailers', (trailers) => {
      status = statusIn(trailers) ?? { code: grpcCodes.UNKNOWN, message: 'the answer has no grpc-status' };
      if (readAll) settle(status);
    });
    stream.on('end', () => {
      readAll = true;
      if (status !== undefined) settle(status);
    });
    stream.on('error', () => {
      // 'close' follows
    });
    const onClose = (): void => {
      if (status !== undefined) return settle(status);
      const ended = link.ended();
      if (stream.rstCode === REFUSED_STREAM)
        return settle({ code: grpcCodes.UNAVAILABLE, message: ended ?? 'the other side refused the stream', unprocessed: true });
      if (ended !== undefined) return settle({ code: grpcCodes.UNAVAILABLE, message: ended });
      if (stream.rstCode === 0) return settle({ code: grpcCodes.UNKNOWN, message: 'the answer has no grpc-status' });
      settle({ code: codeOfReset(stream.rstCode), message: `the stream was reset: ${nameOfReset(stream.rstCode)}` });
    };
    stream.on('close', () => {
      // when the connection has gone, its own end, which comes next, says why
      if (link.session.destroyed && link.ended() === undefined) link.session.once('close', onClose);
      else onClose();
    });
    signal.addEventListener('abort', onAbort);

    // both in one frame where they fit
    stream.cork();
    stream.write(prefix);
    stream.end(message);
  });
