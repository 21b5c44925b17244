/** The messages of OTLP metrics, as far as Ringtail writes them. Source: opentelemetry-proto 1.7, metrics.proto. */
import { define, keyValue, resource, scope, type Message } from './message.ts';

const numberDataPoint = define([
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'asDouble', 'double'],
  [6, 'asInt', 'sfixed64'],
  [7, 'attributes', keyValue, 'repeated'],
  [8, 'flags', 'uint32'],
]);
const histogramDataPoint = define([
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'bucketCounts', 'packed fixed64', 'repeated'],
  [7, 'explicitBounds', 'packed double', 'repeated'],
  [9, 'attributes', keyValue, 'repeated'],
  [10, 'flags', 'uint32'],
  [11, 'min', 'double'],
  [12, 'max', 'double'],
]);
const gauge = define([[1, 'dataPoints', numberDataPoint, 'repeated']]);
const sum = define([
  [1, 'dataPoints', numberDataPoint, 'repeated'],
  [2, 'aggregationTemporality', 'enum'],
  [3, 'isMonotonic', 'bool'],
]);
const histogram = define([
  [1, 'dataPoints', histogramDataPoint, 'repeated'],
  [2, 'aggregationTemporality', 'enum'],
]);
const metric = define([
  [1, 'name', 'string'],
  [2, 'description', 'string'],
  [3, 'unit', 'string'],
  [5, 'gauge', gauge],
  [7, 'sum', sum],
  [9, 'histogram', histogram],
  [12, 'metadata', keyValue, 'repeated'],
]);
const scopeMetrics = define([
  [1, 'scope', scope],
  [2, 'metrics', metric, 'repeated'],
  [3, 'schemaUrl', 'string'],
]);
const resourceMetrics = define([
  [1, 'resource', resource],
  [2, 'scopeMetrics', scopeMetrics, 'repeated'],
  [3, 'schemaUrl', 'string'],
]);

/** `ExportMetricsServiceRequest`, which has the fields of `MetricsData`. */
export const metricsRequest: Message = define([[1, 'resourceMetrics', resourceMetrics, 'repeated']]);
