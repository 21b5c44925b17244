/** What a filter asks of an event, one criterion a list: by attributes, the plain way, and by the columns of a batch, which costs little for rows that do not match. */
import {
  conditionsOf,
  LENGTH_MASK,
  NO_ACTOR,
  type AttributeField,
  type AttributeSource,
  type AttributeValue,
  type Batch,
  type EventSchema,
} from '../../core/batch.ts';
import { globMatches, hasWildcard } from '../../core/glob.ts';
import { createIdMemo } from '../../core/id-memo.ts';
import { bytesOfString, conditionHolds, rowReaderOf } from '../../otlp/log-text.ts';
import { attributeName as name } from '../../otlp/names.ts';
import type { EventFilter } from './types.ts';

export type Values = ReadonlyMap<string, AttributeValue>;
export type RowTest = (row: number) => boolean;

export type Criterion = {
  /** Of an event by its attributes; of names that stand twice the last. */
  matches(values: Values, event: string): boolean;
  /** The same for the rows of a batch; valid until it is opened again. */
  open(batch: Batch): RowTest;
};

const hasNone = ({ names }: AttributeSource, wanted: ReadonlySet<string>): boolean => {
  if (names === undefined) return false;
  for (const one of wanted) if (names.has(one)) return false;
  return true;
};

/** Whether none of the names can come from the columns that were added to the batch. */
const isBare = ({ actorAttributes, rowAttributes }: Batch, names: ReadonlySet<string>): boolean =>
  [...actorAttributes, ...rowAttributes].every(({ source }) => hasNone(source, names));

const isOfActors = ({ kind, rowAttributes }: Batch, names: ReadonlySet<string>): boolean =>
  !kind.fields.some((field) => names.has(field.name)) && rowAttributes.every(({ source }) => hasNone(source, names));

/** By attributes of the row, however they come. */
const byAttributes = (batch: Batch, names: ReadonlySet<string>, matches: Criterion['matches']): RowTest => {
  const read = rowReaderOf(batch, (wanted) => names.has(wanted));
  return (row) => matches(new Map(read(row)), batch.kind.eventName);
};

/** For what the acting process decides: asked once an actor. */
export const ofActor = (names: ReadonlySet<string>, matches: Criterion['matches']): Criterion => {
  const memo = createIdMemo<boolean>();
  return {
    matches,
    open(batch) {
      const test = byAttributes(batch, names, matches);
      if (!isOfActors(batch, names)) return test;
      memo.open(batch.frame.actors.count);
      const { actor: actors } = batch;
      return (row) => {
        const actor = actors[row]!;
        if (actor === NO_ACTOR) return test(row);
        let known = memo.get(actor);
        if (known === undefined) memo.set(actor, (known = test(row)));
        return known;
      };
    },
  };
};

const textOf = (values: Values, key: string): string => {
  const value = values.get(key);
  return value === undefined ? '' : String(value);
};

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export const processCriterion = (patterns: EventFilter['processes']): Criterion => {
  const [paths, names] = [patterns.filter((pattern) => pattern.includes('/')), patterns.filter((pattern) => !pattern.includes('/'))];
  return ofActor(new Set([name.processExecutablePath, name.processExecutableName, name.threadComm]), (values) => {
    const path = textOf(values, name.processExecutablePath);
    if (path !== '' && paths.some((pattern) => globMatches(pattern, path))) return true;
    if (names.length === 0) return false;
    const candidates = [textOf(values, name.processExecutableName), baseName(path), textOf(values, name.threadComm)];
    return candidates.some((candidate) => candidate !== '' && names.some((pattern) => globMatches(pattern, candidate)));
  });
};

export const pidCriterion = ({ pids, excludedPids }: Pick<EventFilter, 'pids' | 'excludedPids'>): Criterion => {
  const [wanted, unwanted] = [new Set<unknown>(pids), new Set<unknown>(excludedPids)];
  return ofActor(new Set([name.processPid]), (values) => {
    const pid = values.get(name.processPid);
    return (wanted.size === 0 || wanted.has(pid)) && !unwanted.has(pid);
  });
};

/** `idOf`: the number of a user of this host by name, for records that have no names. */
export const userCriterion = (users: EventFilter['users'], idOf: (name: string) => number | undefined): Criterion => {
  const numbers = new Set<unknown>(users.filter((user) => /^\d{1,10}$/.test(user)).map(Number));
  const numbersOfNames = new Set<unknown>(users.map(idOf).filter((id) => id !== undefined));
  return ofActor(new Set([name.processOwner, name.processUserId]), (values) => {
    const [owner, id] = [values.get(name.processOwner), values.get(name.processUserId)];
    if (numbers.has(id)) return true;
    return owner === undefined ? numbersOfNames.has(id) : users.some((user) => globMatches(user, String(owner)));
  });
};

/** Fields of a kind by these names, once a kind; undefined: one of them is of another type. */
const fieldsOf = (
  names: ReadonlySet<string>,
  types: readonly AttributeField['type'][],
): ((kind: EventSchema) => readonly AttributeField[] | undefined) => {
  const known = new WeakMap<EventSchema, { readonly fields: readonly AttributeField[] | undefined }>();
  return (kind) => {
    let entry = known.get(kind);
    if (entry === undefined) {
      const fields = kind.fields.filter((field) => names.has(field.name));
      known.set(kind, (entry = { fields: fields.every(({ type }) => types.includes(type)) ? fields : undefined }));
    }
    return entry.fields;
  };
};

const isThere = ({ columns }: Batch, field: AttributeField, row: number): boolean =>
  conditionsOf(field).every((condition) => conditionHolds(condition, columns[condition.column]?.[row]));

const never: RowTest = () => false;
const anyOf = (tests: readonly RowTest[]): RowTest =>
  tests.length === 1
    ? tests[0]!
    : (row) => {
        for (const test of tests) if (test(row)) return true;
        return false;
      };

export const portCriterion = (ports: EventFilter['ports']): Criterion => {
  const wanted = new Set<unknown>(ports);
  const names = new Set<string>([
    name.networkLocalPort,
    name.networkPeerPort,
    name.clientPort,
    name.serverPort,
    name.sourcePort,
    name.destinationPort,
  ]);
  const fieldsIn = fieldsOf(names, ['u32']);
  const matches: Criterion['matches'] = (values) => {
    for (const key of names) if (wanted.has(values.get(key))) return true;
    return false;
  };
  return {
    matches,
    open(batch) {
      const fields = fieldsIn(batch.kind);
      if (fields === undefined || !isBare(batch, names)) return byAttributes(batch, names, matches);
      // one port stands under several names
      const byColumn = Map.groupBy(fields, (field) => (field as { readonly column: string }).column);
      const tests = Array.from(byColumn, ([column, own]): RowTest => {
        const cells = batch.columns[column];
        return cells === undefined ? never : (row) => wanted.has(cells[row]) && own.some((field) => isThere(batch, field, row));
      });
      return tests.length === 0 ? never : anyOf(tests);
    },
  };
};

const OF_PROCESS = 'ringtail.process.';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const NUL = 0;

/** As attributes tell it. */
const cellText = (bytes: Uint8Array, { type }: AttributeField): string =>
  type === 'socketName' && bytes[0] === NUL ? `@${decoder.decode(bytes.subarray(1))}` : decoder.decode(bytes);

const pathTest = (pattern: string): ((path: string) => boolean) => {
  if (hasWildcard(pattern)) return (path) => globMatches(pattern, path);
  const folder = pattern.endsWith('/') ? pattern : `${pattern}/`;
  return (path) => path === pattern || path.startsWith(folder);
};

const unixTest = (batch: Batch, field: AttributeField | undefined): RowTest => {
  if (field?.type !== 'enum') return never;
  const cells = batch.columns[field.column];
  return cells === undefined ? never : (row) => field.names.get(cells[row]!) === 'unix' && isThere(batch, field, row);
};

/** The first that is there and not empty decides. */
const fileNames: readonly string[] = [name.filePath, name.fileRequested];
const socketNames: readonly string[] = [name.networkLocalAddress, name.networkPeerAddress];

/**
 * What an event is about, as a path; the word of the caller where nothing better is known. That of a process is its executable; of a file it would match whatever the
 * process opens.
 */
export const pathCriterion = (patterns: EventFilter['paths']): Criterion => {
  const tests = patterns.map(pathTest);
  const test = (path: string): boolean => path !== '' && tests.some((one) => one(path));
  const executables = ofActor(
    new Set([name.processExecutablePath]),
    (values, event) => event.startsWith(OF_PROCESS) && test(textOf(values, name.processExecutablePath)),
  );
  const ofFields: Criterion['matches'] = (values) =>
    test(fileNames.map((key) => textOf(values, key)).find((path) => path !== '') ?? '') ||
    test(textOf(values, name.processWorkingDirectory)) ||
    (values.get(name.networkTransport) === 'unix' && socketNames.some((key) => test(textOf(values, key))));
  const names = new Set([...fileNames, name.processWorkingDirectory, ...socketNames, name.networkTransport]);
  const fieldsByName = [...fileNames, name.processWorkingDirectory].map((key) => fieldsOf(new Set([key]), ['string']));
  const socketsIn = fieldsOf(new Set(socketNames), ['address', 'socketName']);
  const transportIn = fieldsOf(new Set([name.networkTransport]), ['enum']);
  // what is known of a string depends on how it becomes a text, and on nothing else
  const memos = { string: createIdMemo<boolean>(), socketName: createIdMemo<boolean>() };

  /** Undefined: the attribute is not there. */
  const cellTest = (batch: Batch, field: AttributeField): ((row: number) => boolean | undefined) => {
    const { frame, columns } = batch;
    const cells = columns[(field as { readonly column: string }).column];
    if (cells === undefined) return () => undefined;
    const memo = field.type === 'socketName' ? memos.socketName : memos.string;
    return (row) => {
      const id = cells[row]!;
      if ((frame.strings.lengths[id]! & LENGTH_MASK) === 0 || !isThere(batch, field, row)) return undefined;
      let found = memo.get(id);
      if (found === undefined) memo.set(id, (found = test(cellText(bytesOfString(frame, id), field))));
      return found;
    };
  };

  const openFields = (batch: Batch): RowTest => {
    const own = fieldsByName.map((fieldsIn) => fieldsIn(batch.kind));
    const [ends, transports] = [socketsIn(batch.kind), transportIn(batch.kind)];
    if (
      ends === undefined ||
      transports === undefined ||
      transports.length > 1 ||
      own.some((fields) => fields === undefined || fields.length > 1) ||
      !isBare(batch, names)
    )
      return byAttributes(batch, names, ofFields);
    for (const memo of Object.values(memos)) memo.open(batch.frame.strings.count);
    const [file, requested, folder] = own.map((fields) => (fields![0] === undefined ? undefined : cellTest(batch, fields![0])));
    const isUnix = unixTest(batch, transports[0]);
    const rowTests: RowTest[] = ends
      .filter(({ type }) => type === 'socketName')
      .map((field) => cellTest(batch, field))
      .map((cell) => (row) => isUnix(row) && cell(row) === true);
    if (file !== undefined || requested !== undefined) rowTests.push((row) => file?.(row) ?? requested?.(row) ?? false);
    if (folder !== undefined) rowTests.push((row) => folder(row) === true);
    return rowTests.length === 0 ? never : anyOf(rowTests);
  };

  return {
    matches: (values, event) => ofFields(values, event) || executables.matches(values, event),
    open(batch) {
      const about = openFields(batch);
      return batch.kind.eventName.startsWith(OF_PROCESS) ? anyOf([about, executables.open(batch)]) : about;
    },
  };
};
