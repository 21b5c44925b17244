/** What conditions may ask of records, and the types of what they get. */
import { attributeName, eventName, metricName, resourceName } from '../../../otlp/names.ts';

export type ConditionSignal = 'logs' | 'metrics' | 'traces';
export type ValueType = 'text' | 'number' | 'boolean' | 'list';

const numbers: readonly string[] = [
  attributeName.processPid, attributeName.processParentPid, attributeName.processVpid, attributeName.processUserId, attributeName.processRealUserId,
  attributeName.processArgsCount, attributeName.processSessionLeaderPid, attributeName.processExitCode, attributeName.loginUserId, attributeName.threadId,
  attributeName.cgroupId, attributeName.fd, attributeName.mountNamespace, attributeName.ioRequested, attributeName.ioTransferred, attributeName.ioCalls,
  attributeName.windowNs, attributeName.networkLocalPort, attributeName.networkPeerPort, attributeName.netnsCookie, attributeName.syscallReturn,
  attributeName.childPid, attributeName.exitSignal, attributeName.durationNs, attributeName.lost,
]; // prettier-ignore
const booleans: readonly string[] = [
  attributeName.kernelThread,
  attributeName.container,
  attributeName.argsTruncated,
  attributeName.pathTruncated,
  attributeName.fileDeleted,
  attributeName.unverified,
  attributeName.childThread,
];
const lists: readonly string[] = [
  attributeName.processCommandArgs,
  attributeName.ancestors,
  attributeName.cloneFlags,
  attributeName.fileFlags,
];

/** Attributes of records, points and spans, by name. */
export const knownAttributes: ReadonlyMap<string, ValueType> = new Map<string, ValueType>([
  ...Object.values(attributeName).map((name) => [name, 'text'] as const),
  ...numbers.map((name) => [name, 'number'] as const),
  ...booleans.map((name) => [name, 'boolean'] as const),
  ...lists.map((name) => [name, 'list'] as const),
]);

/** Beside what Ringtail finds itself, what containers and Kubernetes have by the semantic conventions. */
export const knownResourceAttributes: ReadonlyMap<string, ValueType> = new Map<string, ValueType>(
  [
    ...Object.values(resourceName),
    'service.version', 'service.namespace', 'service.instance.id', 'deployment.environment.name',
    'k8s.node.name', 'k8s.cluster.name',
  ].map((name) => [name, name === resourceName.containerImageTags ? 'list' : 'text'] as const),
); // prettier-ignore

/** Names below these are given by Ringtail alone: another name there is a mistake. */
export const ownNamespaces: readonly string[] = ['ringtail.', 'process.', 'file.', 'network.'];

export type PathField = 'attributes' | 'resource' | 'event_name' | 'severity_number' | 'name' | 'unit' | 'description';

/** Paths without a key, by their text. */
export type PathInfo = {
  readonly field: PathField;
  readonly type: ValueType | undefined;
  readonly isMap: boolean;
  readonly values?: readonly string[];
};

const resource = ['resource.attributes', { field: 'resource', type: undefined, isMap: true }] as const;

export const pathsOf: Readonly<Record<ConditionSignal, ReadonlyMap<string, PathInfo>>> = {
  logs: new Map<string, PathInfo>([
    ['log.attributes', { field: 'attributes', type: undefined, isMap: true }],
    ['log.event_name', { field: 'event_name', type: 'text', isMap: false, values: Object.values(eventName) }],
    ['log.severity_number', { field: 'severity_number', type: 'number', isMap: false }],
    resource,
  ]),
  metrics: new Map<string, PathInfo>([
    ['metric.name', { field: 'name', type: 'text', isMap: false, values: Object.values(metricName) }],
    ['metric.unit', { field: 'unit', type: 'text', isMap: false }],
    ['metric.description', { field: 'description', type: 'text', isMap: false }],
    ['datapoint.attributes', { field: 'attributes', type: undefined, isMap: true }],
    resource,
  ]),
  traces: new Map<string, PathInfo>([
    ['span.attributes', { field: 'attributes', type: undefined, isMap: true }],
    ['span.name', { field: 'name', type: 'text', isMap: false }],
    resource,
  ]),
};

/** Names of severities, as OTTL has them: SEVERITY_NUMBER_INFO is 9. */
export const enumerations: ReadonlyMap<string, number> = new Map([
  ['SEVERITY_NUMBER_UNSPECIFIED', 0],
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name, index) =>
    ['', '2', '3', '4'].map((step, offset) => [`SEVERITY_NUMBER_${name}${step}`, 1 + 4 * index + offset] as const),
  ),
]);
