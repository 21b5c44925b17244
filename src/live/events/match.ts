/** A filter made ready: which rows of a batch somebody wants to see. */
import { resourceOfRow, type Attribute, type Batch, type BatchResource, type EventSchema } from '../../core/batch.ts';
import { globMatches } from '../../core/glob.ts';
import { attributeName, eventName, resourceName } from '../../otlp/names.ts';
import {
  ofActor,
  pathCriterion,
  pidCriterion,
  portCriterion,
  processCriterion,
  userCriterion,
  type Criterion,
  type RowTest,
  type Values,
} from './criteria.ts';
import { nameMatches } from './event-names.ts';
import type { EventFilter } from './types.ts';

export type EventMatcher = {
  /** Of one event, the plain way; the model that `open` is held to. */
  matches(event: string, attributes: readonly Attribute[], resource: readonly Attribute[] | undefined): boolean;
  /** For the rows of a batch, valid until it is opened again; undefined: none of them. */
  open(batch: Batch): RowTest | undefined;
};

const containerKeys: ReadonlySet<string> = new Set([resourceName.k8sContainerName, resourceName.containerName, resourceName.containerId]);
const partOfId = /^[0-9a-f]{4,64}$/;

/** By the resource alone; undefined: it says of no container, and `ringtail.container` decides. */
type ContainerTest = (resource: readonly Attribute[]) => boolean | undefined;

const containerTest =
  (wanted: EventFilter['containers']): ContainerTest =>
  (resource) => {
    const known = resource.filter(([key]) => containerKeys.has(key));
    if (known.length === 0) return undefined;
    return wanted.some((pattern) => {
      if (pattern === 'host') return false;
      if (pattern === 'any') return true;
      return known.some(
        ([key, value]) =>
          globMatches(pattern, String(value)) ||
          (key === resourceName.containerId && partOfId.test(pattern) && String(value).startsWith(pattern)),
      );
    });
  };

const NOTHING: readonly Attribute[] = [];
const everyRow: RowTest = () => true;

type ContainerCriterion = {
  matches(values: Values, resource: readonly Attribute[] | undefined): boolean;
  open(batch: Batch): RowTest;
};

const containerCriterion = (wanted: EventFilter['containers']): ContainerCriterion => {
  const test = containerTest(wanted);
  const [wantsAny, wantsHost] = [wanted.includes('any'), wanted.includes('host')];
  const isContainer = attributeName.container;
  const byFlag = ofActor(new Set([isContainer]), (values) => (values.get(isContainer) === true ? wantsAny : wantsHost));
  const known = new WeakMap<BatchResource, { readonly verdict: boolean | undefined }>();
  const verdictOf = (resource: BatchResource | undefined): boolean | undefined => {
    if (resource === undefined) return undefined;
    let entry = known.get(resource);
    if (entry === undefined) known.set(resource, (entry = { verdict: test(resource.attributes) }));
    return entry.verdict;
  };
  return {
    matches: (values, resource = NOTHING) => test(resource) ?? byFlag.matches(values, ''),
    open(batch) {
      const flagged = byFlag.open(batch);
      return (row) => verdictOf(resourceOfRow(batch, row)) ?? flagged(row);
    },
  };
};

export type MatcherOptions = {
  /** The number of a user of this host by name. */
  readonly userId?: (name: string) => number | undefined;
};

/** `ringtail.loss` passes every filter: who looks shall know what cannot be seen. */
export const createEventMatcher = (filter: EventFilter, { userId = () => undefined }: MatcherOptions = {}): EventMatcher => {
  const { events, containers, processes, pids, excludedPids, users, ports, paths } = filter;
  // what costs least first
  const criteria: readonly Criterion[] = [
    ...(pids.length + excludedPids.length > 0 ? [pidCriterion(filter)] : []),
    ...(ports.length > 0 ? [portCriterion(ports)] : []),
    ...(users.length > 0 ? [userCriterion(users, userId)] : []),
    ...(processes.length > 0 ? [processCriterion(processes)] : []),
    ...(paths.length > 0 ? [pathCriterion(paths)] : []),
  ];
  const container = containers.length > 0 ? containerCriterion(containers) : undefined;
  const isWanted = (name: string): boolean => events.length === 0 || events.some((pattern) => nameMatches(pattern, name));
  const kinds = new WeakMap<EventSchema, boolean>();
  return {
    matches(event, attributes, resource) {
      if (event === eventName.loss) return true;
      const values: Values = new Map(attributes);
      return isWanted(event) && criteria.every((one) => one.matches(values, event)) && container?.matches(values, resource) !== false;
    },
    open(batch) {
      const { kind } = batch;
      if (kind.eventName === eventName.loss) return everyRow;
      let wanted = kinds.get(kind);
      if (wanted === undefined) kinds.set(kind, (wanted = isWanted(kind.eventName)));
      if (!wanted) return undefined;
      const tests = criteria.map((one) => one.open(batch));
      if (container !== undefined) tests.push(container.open(batch));
      if (tests.length < 2) return tests[0] ?? everyRow;
      return (row) => {
        for (const test of tests) if (!test(row)) return false;
        return true;
      };
    },
  };
};
