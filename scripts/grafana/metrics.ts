/**
 * The metrics of Ringtail as they are called in Prometheus, with their labels: the names of the contract (docs/signals.md) by the rules of
 * OpenTelemetry for Prometheus, which both the exporter `prometheus` and a Collector follow.
 */
import { attributeName, metricAttributeName, metricName, resourceName } from '../../src/otlp/names.ts';
import { descriptions } from '../../src/service/metric-descriptions.ts';

type Underscored<Name extends string> = Name extends `${infer Head}.${infer Rest}` ? `${Head}_${Underscored<Rest>}` : Name;

export const underscored = <Name extends string>(name: Name): Underscored<Name> => name.replaceAll('.', '_') as Underscored<Name>;

/** What a series can be selected and summed by. */
export type Metric<Label extends string = string> = {
  readonly name: string;
  readonly labels: readonly Label[];
  /** Labels that tell its series apart whatever is told of the container, which may change; none: there is nothing else. */
  readonly identity?: readonly string[];
};

/** Of the target, and of the resource where it is told on the series (`resource_to_telemetry_conversion`). */
export const commonLabels = [
  'job',
  'instance',
  ...(
    [
      resourceName.hostName,
      resourceName.containerId,
      resourceName.containerName,
      resourceName.containerImageName,
      resourceName.containerRuntimeName,
      resourceName.k8sNamespaceName,
      resourceName.k8sPodName,
      resourceName.k8sContainerName,
    ] as const
  ).map(underscored),
] as const;
export type CommonLabel = (typeof commonLabels)[number];

const metric =
  (suffix: string) =>
  <const Name extends string>(name: string, ...attributes: readonly Name[]): Metric<Underscored<Name>> => ({
    name: `${underscored(name)}${suffix}`,
    labels: attributes.map(underscored),
    // the number of a user is there from the first moment, the name may come later
    identity: [
      'job',
      'instance',
      'host_name',
      'host_id',
      ...attributes.filter((attribute) => attribute !== attributeName.processOwner).map(underscored),
    ],
  });

const level = metric('');
const total = metric('_total');
const bytesTotal = metric('_bytes_total');
const secondsBuckets = metric('_seconds_bucket');

const { errorType, networkTransport, networkType, networkProtocol, networkConnectionState, sessionRole, cgroupId, netnsCookie } =
  attributeName;
const { networkIoDirection, networkInterfaceName, overflow } = metricAttributeName;
const session = [networkTransport, networkType, networkProtocol, sessionRole, cgroupId, netnsCookie, overflow] as const;
const process = [attributeName.processOwner, attributeName.processUserId, cgroupId, netnsCookie, overflow] as const;
const packet = [networkInterfaceName, networkType, networkTransport, networkProtocol, overflow] as const;
const call = [attributeName.syscallName, attributeName.processExecutableName, cgroupId, netnsCookie, overflow] as const;

/** Counted in the kernel. */
export const kernel = {
  sessionsOpen: level(metricName.sessionCount, networkConnectionState, ...session),
  sessionsOpened: total(metricName.sessionOpened, networkConnectionState, ...session),
  sessionsFailed: total(metricName.sessionFailed, networkConnectionState, errorType, ...session),
  sessionDurations: secondsBuckets(metricName.sessionDuration, 'le', errorType, ...session),
  networkIo: bytesTotal(
    metricName.networkIo,
    networkIoDirection,
    networkTransport,
    networkType,
    networkProtocol,
    cgroupId,
    netnsCookie,
    overflow,
  ),
  packets: total(metricName.packetCount, ...packet),
  packetIo: bytesTotal(metricName.packetIo, ...packet),
  execs: total(metricName.processExecCount, ...process),
  exits: total(metricName.processExitCount, ...process),
  processes: level(metricName.processCount, cgroupId, netnsCookie, overflow),
  calls: total(metricName.syscallCount, errorType, ...call),
  fileIo: bytesTotal(metricName.fileIo, ...call),
} as const;

/** One of Ringtail's own; counters end in `_total`. Throws when there is none of this name. */
const own =
  (suffix: string) =>
  <const Label extends string>(name: string, ...labels: readonly Label[]): Metric<Label> => {
    if (descriptions[name] === undefined) throw new Error(`Ringtail has no metric of its own that is called ${name}`);
    return { name: `${name}${suffix}`, labels };
  };

export const ownCounter = own('_total');
export const ownGauge = own('');
