/** The headers that the user adds, from the configuration and from files; their values are secrets. */
import type { Secret } from '../../core/config-types.ts';
import { REDACTED } from '../../core/config-types.ts';
import { RuntimeError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { HEADER_VALUE } from './headers-config.ts';
import { readBounded } from './read-bounded.ts';

/** Tokens are small; servers take headers of 8 to 16 KiB. */
const MAX_FILE_BYTES = 16 * 1024;
/** Files are read again when they are this old. A token that was refused is read again at once. */
const RELOAD_MS = 10_000;
/** Shorter parts of a value are words that messages may hold for other reasons. */
const SHORTEST_SECRET = 6;

export type HeaderSource = {
  /** Lower-case names. The same object as long as nothing changed. */
  current(): Promise<Readonly<Record<string, string>>>;
  /** Reads the files now; true when a value changed. */
  refresh(): Promise<boolean>;
  /** What the other side said, without what is in our headers: servers like to repeat them. */
  clean(message: string): string;
};

export type HeaderOptions = {
  readonly headers: Readonly<Record<string, Secret>>;
  readonly headersFiles: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** Monotonic. */
  readonly nowMs?: () => number;
};

const readValue = async (name: string, path: string): Promise<string> => {
  let text: string;
  try {
    text = (await readBounded(path, MAX_FILE_BYTES)).trim();
  } catch (error) {
    throw new RuntimeError(`headers_files.${name} cannot be read: ${messageOf(error)}`);
  }
  if (text === '') throw new RuntimeError(`headers_files.${name}: ${path} is empty`);
  if (!HEADER_VALUE.test(text)) throw new RuntimeError(`headers_files.${name}: ${path} holds no header value`);
  return text;
};

/** Reads the files once; throws a message that names header and file, never what is in it. */
export const createHeaderSource = async (options: HeaderOptions): Promise<HeaderSource> => {
  const { headers, headersFiles, logger, nowMs = () => performance.now() } = options;
  const files = Object.entries(headersFiles);
  const fixed = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()]));
  const read = async (): Promise<Record<string, string>> =>
    Object.fromEntries(await Promise.all(files.map(async ([name, path]) => [name.toLowerCase(), await readValue(name, path)] as const)));

  let values: Readonly<Record<string, string>> = { ...fixed, ...(await read()) };
  let nextMs = nowMs() + RELOAD_MS;
  let reading: Promise<boolean> | undefined;

  const reload = async (): Promise<boolean> => {
    try {
      const fresh = await read();
      const changed = Object.entries(fresh).some(([name, value]) => values[name] !== value);
      if (changed) {
        values = { ...fixed, ...fresh };
        logger.info({}, 'headers were read again');
      }
      return changed;
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'changed headers cannot be used; the ones before stay');
      return false;
    } finally {
      nextMs = nowMs() + RELOAD_MS;
      reading = undefined;
    }
  };
  const refresh = (): Promise<boolean> => (files.length === 0 ? Promise.resolve(false) : (reading ??= reload()));

  return {
    async current() {
      if (nowMs() >= nextMs) await refresh();
      return values;
    },
    refresh,
    clean(message) {
      let cleaned = message;
      for (const value of Object.values(values)) {
        for (const part of [value, ...value.split(/[\s=:,;]+/)])
          if (part.length >= SHORTEST_SECRET) cleaned = cleaned.replaceAll(part, REDACTED);
      }
      return cleaned;
    },
  };
};
