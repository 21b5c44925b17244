/** What `ringtail trace` prints at the end. */
import { durationText } from '../../core/duration-text.ts';
import { escapeText, quoteArgument } from '../../text/escape.ts';
import { renderLine, type LineOptions } from '../../text/line.ts';
import { pathLine } from '../../text/path-line.ts';
import { slowestPath, traceTree } from '../../text/trace-tree.ts';
import type { KeptSpans } from './kept-spans.ts';
import type { CommandEnd } from './run-command.ts';

/** A file or an endpoint, and how many spans it took and did not take. */
export type Delivery = { readonly to: string; readonly sent: number; readonly missing: number };

export type TraceSummary = {
  readonly command: readonly string[];
  readonly traceId: string;
  /** What the tree is made of. */
  readonly kept: Pick<KeptSpans, 'spans' | 'programs' | 'connections' | 'left'>;
  readonly end: CommandEnd;
  readonly seconds: number;
  readonly startUpMs: number;
  /** Processes of the trace that still run. */
  readonly running: number;
  /** Of each place where spans were to go. */
  readonly deliveries: readonly Delivery[];
  readonly notes: readonly string[];
};

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

const deliveryLines = (deliveries: readonly Delivery[]): readonly string[] => {
  if (deliveries.length === 0) return ['sent nowhere; --endpoint http://127.0.0.1:4318 sends it to a Collector or Jaeger'];
  const reached = deliveries.filter(({ sent, missing }) => sent > 0 || missing === 0);
  return [
    ...deliveries
      .filter(({ missing }) => missing > 0)
      .map(({ to, missing }) => `${counted(missing, 'span', 'spans')} could not be sent to ${escapeText(to)}; the log above says why`),
    ...(reached.length > 0 ? [`sent to ${reached.map(({ to }) => escapeText(to)).join(' and ')}`] : []),
  ];
};

export const summaryLines = (summary: TraceSummary, options: LineOptions & { readonly lines: number }): readonly string[] => {
  const { command, traceId, kept, end, seconds, startUpMs, running, deliveries, notes } = summary;
  const { spans, programs, connections, left } = kept;
  const how = end.signal === undefined ? `exit code ${end.code}` : `killed by ${end.signal}`;
  const facts = [
    durationText(seconds * 1e9),
    how,
    counted(programs, 'program', 'programs'),
    ...(connections > 0 ? [counted(connections, 'connection', 'connections')] : []),
  ];
  const path = slowestPath(spans);
  const dim = (text: string): string => renderLine([{ text, style: 'dim' }], options);
  return [
    renderLine([{ text: `trace ${traceId}`, style: 'bold' }, { text: `  ${command.map(quoteArgument).join(' ')}` }], options),
    renderLine([{ text: facts.join(', ') }, { text: `; Ringtail was ready after ${durationText(startUpMs * 1e6)}`, style: 'dim' }], options),
    ...traceTree(spans, options),
    ...(path.length > 1 ? [dim(pathLine(path, options.width))] : []),
    ...(left > 0 ? [dim(`${counted(left, 'more span is', 'more spans are')} not shown`)] : []),
    ...(running > 0 ? [dim(`${counted(running, 'program of it still runs', 'programs of it still run')} and ${running === 1 ? 'is' : 'are'} not told`)] : []),
    ...notes.map(dim),
    ...deliveryLines(deliveries).map(dim),
  ];
}; // prettier-ignore
