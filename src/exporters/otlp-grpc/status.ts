/** Codes of gRPC, and what stands for one where there is none: gRPC over HTTP2, "Responses" and "Errors"; http-grpc-status-mapping. */

export const grpcCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

const names: ReadonlyMap<number, string> = new Map(Object.entries(grpcCodes).map(([name, code]) => [code, name]));

/** `UNAVAILABLE`; the number for one that does not exist. */
export const nameOfCode = (code: number): string => names.get(code) ?? String(code);

/** Of an answer with another status than 200 and no `grpc-status`: a proxy in between, for instance. */
export const codeOfHttpStatus = (status: number): number => {
  switch (status) {
    case 400:
      return grpcCodes.INTERNAL;
    case 401:
      return grpcCodes.UNAUTHENTICATED;
    case 403:
      return grpcCodes.PERMISSION_DENIED;
    case 404:
      return grpcCodes.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcCodes.UNAVAILABLE;
    default:
      return grpcCodes.UNKNOWN;
  }
};

/** RFC 9113, section 7; the index is the code. */
const resetNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

export const REFUSED_STREAM = 7;

export const nameOfReset = (code: number): string => resetNames[code] ?? String(code);

/** Of a stream that ended by RST_STREAM. */
export const codeOfReset = (code: number): number => {
  switch (resetNames[code]) {
    case 'REFUSED_STREAM':
      return grpcCodes.UNAVAILABLE;
    case 'CANCEL':
      return grpcCodes.CANCELLED;
    case 'ENHANCE_YOUR_CALM':
      return grpcCodes.RESOURCE_EXHAUSTED;
    case 'INADEQUATE_SECURITY':
      return grpcCodes.PERMISSION_DENIED;
    default:
      return grpcCodes.INTERNAL;
  }
};

const utf8 = new TextDecoder();

/** `grpc-message` is UTF-8 with percent signs; what is no valid escape stands for itself. */
export const decodeGrpcMessage = (encoded: string): string => {
  if (!encoded.includes('%')) return encoded;
  const bytes = Buffer.from(
    encoded.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  return utf8.decode(bytes);
};

/** `grpc-timeout`: at most eight digits and a unit. */
export const grpcTimeout = (timeoutMs: number): string =>
  timeoutMs < 1e8 ? `${Math.max(1, Math.ceil(timeoutMs))}m` : `${Math.min(99_999_999, Math.ceil(timeoutMs / 1000))}S`;
