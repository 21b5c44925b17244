/** The other end of the control socket of a running Ringtail. */
import { readFileSync, statSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { resolve as absolute } from 'node:path';
import { KernelError, messageOf, RingtailError, RuntimeError, UsageError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { CONTROL_API, DEFAULT_CONTROL_SOCKET, LONGEST_SOCKET_PATH, type ControlInfo } from '../../live/info.ts';

/** A parameter that is undefined is left out; of a list each value is one. */
export type ControlQuery = Readonly<Record<string, string | number | boolean | readonly (string | number)[] | undefined>>;

export type ControlClient = {
  /** Of the socket. */
  readonly path: string;
  readonly info: ControlInfo;
  /** In a few words: `the Ringtail of pid 4711`. */
  readonly source: string;
  /** One JSON document, parsed. A query that is wrong is a UsageError, an abort rejects with the signal's reason, all else a RuntimeError. */
  page<T>(path: string, query?: ControlQuery, signal?: AbortSignal): Promise<T>;
  /**
   * Resolves when the stream has begun; then one object a line, read as fast as they are taken. Ends when the other side ends it or the signal is aborted; throws a
   * RuntimeError when the connection breaks.
   */
  stream<T>(path: string, query?: ControlQuery, signal?: AbortSignal): Promise<AsyncIterable<T>>;
};

/** From the question to the head of the answer. */
const ANSWER_TIMEOUT_MS = 15_000;
/** Ringtail's pages have some MiB at most, and its lines some KiB; what is larger is something else. */
const MAX_PAGE_BYTES = 64 * 2 ** 20;
const MAX_LINE_LENGTH = 16 * 2 ** 20;
const MAX_ERROR_LENGTH = 2000;

const pathOf = (path: string, query: ControlQuery): string => {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : (typeof value === 'object' ? value : [value]).map((one) => [name, String(one)] as [string, string]),
  );
  return parameters.length === 0 ? path : `${path}?${new URLSearchParams(parameters).toString()}`;
};

/** Who may use the socket, for who may not. */
const whoMay = (path: string): string => {
  try {
    const { uid, gid, mode } = statSync(path);
    const group = (mode & 0o020) === 0 ? undefined : groupName(gid);
    return `${uid === 0 ? 'root' : `the user ${uid}`}${group === undefined ? '' : ` and members of the group ${group}`} may`;
  } catch {
    return 'root may';
  }
};

const groupName = (gid: number): string => {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((entry) => entry.split(':')[2] === String(gid));
    return printable(line?.split(':')[0] ?? String(gid));
  } catch {
    return String(gid);
  }
};

const absentCodes: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

const garbage = (path: string, cause?: unknown): RuntimeError =>
  new RuntimeError(`what answers at ${path} does not speak as Ringtail does`, {
    cause,
    advice: 'is it the socket of a Ringtail, and of this version?',
  });

/** What went wrong on the way. */
const failureOf = (error: unknown, path: string, source: string): Error => {
  if (error instanceof RingtailError) return error;
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM')
    return new KernelError(`no permission to use ${path}: ${whoMay(path)}`, {
      advice: 'try it with sudo, or let a group of yours in with extensions.control.group',
    });
  if (code?.startsWith('HPE_') === true) return garbage(path, error);
  if (code === 'ECONNRESET' || code === 'EPIPE') return new RuntimeError(`the connection to ${source} broke`, { advice: 'did it end?' });
  return new RuntimeError(`cannot ask ${source}: ${messageOf(error)}`, { advice: 'is it alive? Its log says more' });
};

/** Resolves with the head of the answer, whatever its status. */
const ask = (socketPath: string, path: string, signal: AbortSignal | undefined): Promise<IncomingMessage> => {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = http.get({ socketPath, path, agent: false, headers: { host: 'localhost' }, ...(signal && { signal }) });
  const late = setTimeout(() => request.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)), ANSWER_TIMEOUT_MS);
  request.on('response', (response) => {
    clearTimeout(late);
    resolve(response);
  });
  request.on('error', (error) => {
    clearTimeout(late);
    reject(error);
  });
  return promise;
};

const wholeText = async (response: IncomingMessage, socketPath: string): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_PAGE_BYTES) throw garbage(socketPath);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

const parsed = <T>(text: string, socketPath: string): T => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as T;
  } catch (error) {
    throw garbage(socketPath, error);
  }
  throw garbage(socketPath);
};

const errorOf = async (response: IncomingMessage, socketPath: string): Promise<Error> => {
  const { error } = parsed<{ readonly error?: unknown }>(await wholeText(response, socketPath), socketPath);
  if (typeof error !== 'string') return garbage(socketPath);
  const message = printable(error.slice(0, MAX_ERROR_LENGTH));
  return response.statusCode === 400 ? new UsageError(message) : new RuntimeError(message);
};

type AskOptions = { readonly socketPath: string; readonly source: string };

const page = async <T>({ socketPath, source }: AskOptions, path: string, query: ControlQuery, signal?: AbortSignal): Promise<T> => {
  try {
    const response = await ask(socketPath, pathOf(path, query), signal);
    if (response.statusCode !== 200) throw await errorOf(response, socketPath);
    return parsed<T>(await wholeText(response, socketPath), socketPath);
  } catch (error) {
    signal?.throwIfAborted();
    throw failureOf(error, socketPath, source);
  }
};

async function* linesOf<T>(response: IncomingMessage, { socketPath, source }: AskOptions, signal?: AbortSignal): AsyncGenerator<T> {
  let rest = '';
  try {
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) yield parsed<T>(line, socketPath);
      if (rest.length > MAX_LINE_LENGTH) throw garbage(socketPath);
    }
  } catch (error) {
    if (signal?.aborted === true) return;
    throw failureOf(error, socketPath, source);
  } finally {
    response.destroy();
  }
  if (rest !== '') throw failureOf(Object.assign(new Error('cut'), { code: 'ECONNRESET' }), socketPath, source);
}

const stream = async <T>(options: AskOptions, path: string, query: ControlQuery, signal?: AbortSignal): Promise<AsyncIterable<T>> => {
  const { socketPath, source } = options;
  try {
    const response = await ask(socketPath, pathOf(path, query), signal);
    if (response.statusCode !== 200) throw await errorOf(response, socketPath);
    return linesOf<T>(response, options, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw failureOf(error, socketPath, source);
  }
};

const isInfo = (value: Partial<ControlInfo>): value is ControlInfo =>
  typeof value.api === 'number' && typeof value.version === 'string' && Number.isSafeInteger(value.pid) && Array.isArray(value.pipelines);

/**
 * The Ringtail that listens at `path`; undefined when nobody does. Rejects with a KernelError when this user may not ask it, with a UsageError when it cannot be a
 * path of a socket, and with a RuntimeError when something else listens there, or a Ringtail that is not to be understood.
 */
export const findControl = async (path: string = DEFAULT_CONTROL_SOCKET, signal?: AbortSignal): Promise<ControlClient | undefined> => {
  const socketPath = absolute(path);
  if (Buffer.byteLength(socketPath) > LONGEST_SOCKET_PATH || socketPath.includes('\0'))
    throw new UsageError(`${printable(socketPath)} cannot be a socket`, {
      advice: `the path of one has at most ${LONGEST_SOCKET_PATH} bytes`,
    });
  const asked: AskOptions = { socketPath, source: `the Ringtail at ${socketPath}` };
  let response: IncomingMessage;
  try {
    response = await ask(socketPath, '/v1/info', signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (absentCodes.has(codeOf(error))) return undefined;
    throw failureOf(error, socketPath, asked.source);
  }
  let info: Partial<ControlInfo>;
  try {
    if (response.statusCode !== 200) throw await errorOf(response, socketPath);
    info = parsed<Partial<ControlInfo>>(await wholeText(response, socketPath), socketPath);
  } catch (error) {
    signal?.throwIfAborted();
    throw failureOf(error, socketPath, asked.source);
  }
  if (!isInfo(info)) throw garbage(socketPath);
  const source = `the Ringtail of pid ${info.pid}`;
  if (info.api !== CONTROL_API)
    throw new RuntimeError(`${source} is version ${printable(info.version)}, and its socket speaks another language than this program`, {
      advice: 'use the ringtail of the same version',
    });
  const options: AskOptions = { socketPath, source };
  return {
    path: socketPath,
    info,
    source,
    page: (at, query = {}, until) => page(options, at, query, until),
    stream: (at, query = {}, until) => stream(options, at, query, until),
  };
};

/** The same; it is a RuntimeError when nobody listens. */
export const connectControl = async (path: string = DEFAULT_CONTROL_SOCKET, signal?: AbortSignal): Promise<ControlClient> => {
  const client = await findControl(path, signal);
  if (client !== undefined) return client;
  throw new RuntimeError(`no Ringtail listens at ${printable(absolute(path))}`, {
    advice: 'is one running, with the extension control? Its option path says where it listens',
  });
};
