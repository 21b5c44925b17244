/**
 * What processes say of themselves in their environment: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, and nothing else of it. It is read once a program, when
 * somebody asks for it. Source: OpenTelemetry's specification of the SDK environment variables.
 */
import { LRUCache } from 'lru-cache';
import type { Attribute, Frame } from '../core/batch.ts';
import { mapBounded } from '../core/bounded.ts';
import { printable } from '../core/printable.ts';
import { resourceName } from '../otlp/names.ts';
import { createFrameMemo } from './frame-memo.ts';
import { readEnvironment } from './procfs/environ.ts';
import type { ProgramQuestion } from './procfs/program.ts';
import { headFlag } from './layouts.gen.ts';

/** Programs whose answer is kept, about 200 bytes each. */
const CAPACITY = 16_384;
const MAX_ENVIRONMENT_BYTES = 128 << 10;
const MAX_ATTRIBUTES = 32;
const MAX_NAME = 256;
const MAX_VALUE = 1_024;
const CONCURRENT_READS = 8;
const MAX_QUESTIONS = 256;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 60_000;

/** What a process may not say of itself: who and where it is is known better. */
const isKept = (name: string): boolean =>
  /^(?:host|os|ringtail|process)\.|^(?:container\.id|container\.runtime\.name|k8s\.pod\.uid)$/.test(name);

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

const isFit = (text: string | undefined, max: number): text is string =>
  text !== undefined && text !== '' && text.length <= max && printable(text) === text;

/** The two variables as attributes, of the bytes of /proc/<pid>/environ. A process may write anything there: what is no sensible text is left out. */
export const parseEnvironment = (bytes: Uint8Array): readonly Attribute[] => {
  const attributes = new Map<string, string>();
  let serviceName: string | undefined;
  const variables = Buffer.from(bytes).toString('latin1').split('\0');
  for (const variable of variables) {
    const at = variable.indexOf('=');
    const name = variable.slice(0, at);
    if (name !== 'OTEL_SERVICE_NAME' && name !== 'OTEL_RESOURCE_ATTRIBUTES') continue;
    const value = Buffer.from(variable.slice(at + 1), 'latin1').toString('utf8');
    if (name === 'OTEL_SERVICE_NAME') serviceName = isFit(value, MAX_VALUE) ? value : undefined;
    else
      for (const pair of value.split(',', MAX_ATTRIBUTES)) {
        const equals = pair.indexOf('=');
        const key = pair.slice(0, Math.max(equals, 0)).trim();
        const text = decoded(pair.slice(equals + 1).trim());
        if (isFit(key, MAX_NAME) && isFit(text, MAX_VALUE) && !isKept(key)) attributes.set(key, text);
      }
  }
  if (serviceName !== undefined) attributes.set(resourceName.serviceName, serviceName);
  return [...attributes];
};

/** Who is asked; `key` is the program that it ran. */
export type EnvironmentQuestion = ProgramQuestion & { readonly key: string };

export type Environments = {
  /** By actor what it says, undefined when that is nothing or not known; and the actors that are to be asked. */
  resolve(frame: Frame): EnvironmentAnswers;
  keyOf(frame: Frame, actor: number): string;
  /** Reads; never rejects. What could not be read is asked for again later, each time a longer while. */
  fetch(questions: readonly EnvironmentQuestion[]): Promise<void>;
  /** Changes when something else is known. */
  readonly version: number;
  readonly size: number;
};
export type EnvironmentAnswers = {
  readonly attributes: readonly (readonly Attribute[] | undefined)[];
  readonly missing: readonly number[];
};

type Entry = { readonly attributes: readonly Attribute[] | undefined; readonly notBeforeMs: number; readonly failures: number };

const keyOf = ({ actors }: Frame, actor: number): string =>
  `${actors.pid[actor]}/${actors.startNsHi[actor]}/${actors.startNsLo[actor]}/${actors.execId[actor]}`;

export const createEnvironments = (root: string, nowMs: () => number = Date.now): Environments => {
  const entries = new LRUCache<string, Entry>({ max: CAPACITY });
  /** Processes of one service say the same. */
  const lists = new LRUCache<string, readonly Attribute[]>({ max: CAPACITY });
  let version = 0;

  const listOf = (attributes: readonly Attribute[]): readonly Attribute[] | undefined => {
    if (attributes.length === 0) return undefined;
    const key = JSON.stringify(attributes);
    const known = lists.get(key) ?? attributes;
    lists.set(key, known);
    return known;
  };

  /** Undefined: it cannot be had, or is that of another program by now. */
  const read = async (question: EnvironmentQuestion): Promise<readonly Attribute[] | undefined> => {
    const result = await readEnvironment(root, question, MAX_ENVIRONMENT_BYTES);
    return result.ok ? parseEnvironment(result.value.bytes) : undefined;
  };

  const ask = async (question: EnvironmentQuestion): Promise<void> => {
    const { failures = 0, notBeforeMs = 0 } = entries.get(question.key) ?? {};
    if (nowMs() < notBeforeMs) return;
    const pauseMs = Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS);
    entries.set(question.key, { attributes: undefined, notBeforeMs: nowMs() + pauseMs, failures: Math.min(failures + 1, 20) });
    const attributes = await read(question);
    if (attributes === undefined) return;
    entries.set(question.key, { attributes: listOf(attributes), notBeforeMs: Infinity, failures: 0 });
    version++;
  };

  const resolve = (frame: Frame): EnvironmentAnswers => {
    const missing: number[] = [];
    const now = nowMs();
    const attributes = Array.from({ length: frame.actors.count }, (_, actor) => {
      const entry = entries.get(keyOf(frame, actor));
      const isDue = (entry?.notBeforeMs ?? 0) <= now && !(frame.actors.flags[actor]! & headFlag.kernelThread);
      if (isDue && missing.length < MAX_QUESTIONS) missing.push(actor);
      return entry?.attributes;
    });
    return { attributes, missing };
  };

  return {
    resolve: createFrameMemo(() => version, resolve),
    keyOf,
    fetch: async (questions) => void (await mapBounded(questions, CONCURRENT_READS, ask)),
    get version() {
      return version;
    },
    get size() {
      return entries.size;
    },
  };
};
