/** What a receiver of OTLP answers. */
import { bytesField, intField, readFields } from './proto-reader.ts';
import type { Outcome } from './transport.ts';

const text = new TextDecoder();
/** Answers are shown in logs, so they are cut and made harmless. */
const MAX_MESSAGE_LENGTH = 500;

export const shortMessage = (message: string): string => message.slice(0, MAX_MESSAGE_LENGTH).replace(/\p{Cc}+/gu, ' ');

/** `ExportLogsServiceResponse` (logs_service.proto, 1.7). A message without rejections is a warning. */
export const successOf = (response: Uint8Array): Outcome => {
  const partial = bytesField(response, 1);
  if (partial === undefined) return { kind: 'success' };
  const rejected = Math.max(intField(partial, 1), 0);
  const message = shortMessage(text.decode(bytesField(partial, 2) ?? new Uint8Array(0)));
  return { kind: 'success', ...(rejected > 0 && { rejected }), ...(message !== '' && { message }) };
};

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** The wait in ms that a `google.rpc.Status` asks for; undefined when it does not (error_details.proto). */
export const retryDelayMs = (status: Uint8Array): number | undefined => {
  for (const { field, value } of readFields(status)) {
    if (field !== 3 || typeof value === 'bigint') continue;
    if (text.decode(bytesField(value, 1) ?? new Uint8Array(0)) !== RETRY_INFO) continue;
    const delay = bytesField(bytesField(value, 2) ?? new Uint8Array(0), 1);
    return delay === undefined ? 0 : Math.max(0, intField(delay, 1) * 1000 + intField(delay, 2) / 1e6);
  }
  return undefined;
};

/** The message of a `google.rpc.Status`. */
export const statusMessage = (status: Uint8Array): string => shortMessage(text.decode(bytesField(status, 2) ?? new Uint8Array(0)));

/** Longest wait that another side may ask for: a quota of an hour is one, years are a mistake. */
const MAX_WAIT_MS = 3_600_000;

export const clampWaitMs = (ms: number): number => Math.min(Math.max(0, ms), MAX_WAIT_MS);

/**
 * Whether a refusal is about the number of bytes, so that fewer may be taken. There is no code for that: Go says `grpc: received message larger
 * than max (… vs. …)`, others that it exceeds a maximum or is too large; the Collector's HTTP receiver `http: request body too large`.
 */
export const statesSize = (message: string): boolean =>
  /\b(?:message|body|payload|request|entity)\b.{0,40}\b(?:larger than|too (?:large|big)|exceeds?)\b/i.test(message);
