/** Rules as they stand in YAML. */
import { z } from 'zod';
import { crossCheck } from '../../core/cross-check.ts';
import { parseNetwork } from './address-tests.ts';
import { commProblem, eventProblem, parsePorts, parseResult, parseSize, pathProblem, textProblem } from './rule-values.ts';
import { impossibility } from './rule-sense.ts';

/** Numbers of processes are below this on every kernel: PID_MAX_LIMIT. */
const MOST_PIDS = 2 ** 22;
const MOST_UIDS = 2 ** 32 - 2;
/** A person, or a generator, has fewer. */
export const MOST_RULES = 65_536;

const oneOrMany = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1)]);
const texts = oneOrMany(z.string());
const ports = oneOrMany(z.union([z.int(), z.string()]));

const eventField = texts.optional().describe('name of the event');

const whoFields = {
  comm: texts.optional().describe('name of the thread; programs choose it themselves'),
  executable: texts.optional().describe('path of the executable, as the kernel resolved it'),
  user: texts.optional().describe('name of the effective user'),
  uid: oneOrMany(z.int().min(0).max(MOST_UIDS)).optional().describe('number of the effective user'),
  pid: oneOrMany(z.int().min(1).max(MOST_PIDS)).optional().describe('process'),
  parent: texts.optional().describe('path of the executable of the parent'),
  parent_pid: oneOrMany(z.int().min(0).max(MOST_PIDS)).optional().describe('parent of the process'),
  cgroup: texts.optional().describe('path of the cgroup in the v2 hierarchy'),
  container: texts.optional().describe('id of the container, 64 hexadecimal digits, or its beginning with a *'),
  kernel_thread: z.boolean().optional().describe('whether it is a thread of the kernel, whatever its name'),
  pid_namespace: z.enum(['host', 'nested']).optional().describe('the pid namespace of the host, or one below it'),
};

const whatFields = {
  path: texts.optional().describe('file.path'),
  address: texts.optional().describe('address of the peer, or its network as 10.0.0.0/8'),
  port: ports.optional().describe('port of the peer, or a range as 8000-8099'),
  local_address: texts.optional().describe('address of this end, or its network'),
  local_port: ports.optional().describe('port of this end, or a range'),
  result: texts.optional().describe('success, failure, or the name of an error as ENOENT'),
  size: oneOrMany(z.union([z.string(), z.int().min(0)]))
    .optional()
    .describe('bytes transferred: 512, 10-20, <100, >=4KiB'),
};

const problemOf =
  <T>(parse: (value: never) => T | string) =>
  (value: never): string | undefined => {
    const parsed = parse(value);
    return typeof parsed === 'string' ? parsed : undefined;
  };

const valueProblems: Readonly<Record<string, (value: never) => string | undefined>> = {
  comm: commProblem,
  executable: pathProblem,
  parent: pathProblem,
  path: pathProblem,
  cgroup: pathProblem,
  user: textProblem,
  container: textProblem,
  event: eventProblem,
  address: problemOf(parseNetwork),
  local_address: problemOf(parseNetwork),
  port: problemOf(parsePorts),
  local_port: problemOf(parsePorts),
  result: problemOf(parseResult),
  size: problemOf(parseSize),
};

/** Values of a field, in a list or alone; none when it is not written. */
export const valuesOf = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];

const numbersToo: ReadonlySet<string> = new Set(['size', 'port', 'local_port']);
const isRightType = (field: string, value: unknown): boolean =>
  typeof value === 'string' || (numbersToo.has(field) && typeof value === 'number');

const checkRule = crossCheck<object>((rule, add) => {
  const fields = Object.entries(rule).filter(([, value]) => value !== undefined);
  if (fields.length === 0) return add([], 'says nothing; a rule names what it matches, for instance comm');
  let isRight = true;
  for (const [field, value] of fields) {
    const problem = valueProblems[field];
    if (problem === undefined) continue;
    for (const [index, one] of valuesOf(value).entries()) {
      // what has a wrong type is told by the schema
      const message = isRightType(field, one) ? problem(one as never) : undefined;
      if (message === undefined) continue;
      isRight = false;
      add(Array.isArray(value) ? [field, index] : [field], message);
    }
  }
  if (!isRight) return;
  const nonsense = impossibility(rule);
  if (nonsense !== undefined) add([nonsense.field], nonsense.message);
});

export const processRule = z.strictObject({ event: eventField, ...whoFields }).check(checkRule);
export const contextRule = z.strictObject({ event: eventField, ...whatFields, ...whoFields }).check(checkRule);

export type ProcessRule = z.output<typeof processRule>;
export type ContextRule = z.output<typeof contextRule>;
