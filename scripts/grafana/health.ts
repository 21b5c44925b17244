/** Whether Ringtail itself is well: what it lost, what waits, what it costs. Of the page that `service.telemetry.metrics` serves. */
import { books } from '../../src/service/ledger.ts';
import { dashboard, targetVariables } from './dashboard.ts';
import { ownCounter, ownGauge } from './metrics.ts';
import { lines, stat, table } from './panels.ts';
import { firstOf, grown, is, isNot, like, now, orZero, perSecond, select, selectAnyOwn } from './promql.ts';

const events = ownCounter('ringtail_kernel_events', 'receiver', 'event', 'outcome');
const pipeline = ownCounter('ringtail_pipeline_items', 'pipeline', 'outcome');
const exporter = ownCounter('ringtail_exporter_items', 'exporter', 'outcome', 'reason');
const frames = ownCounter('ringtail_frames', 'outcome');
const ringBytes = ownGauge('ringtail_ring_bytes');
const ringUsed = ownGauge('ringtail_ring_used_bytes');
const queueSize = ownGauge('otelcol_exporter_queue_size', 'exporter');
const queueCapacity = ownGauge('otelcol_exporter_queue_capacity', 'exporter');
const cpu = ownCounter('otelcol_process_cpu_seconds');
const memory = ownGauge('otelcol_process_memory_rss');
const uptime = ownCounter('otelcol_process_uptime');
const hits = ownCounter('ringtail_cache_hits', 'cache');
const misses = ownCounter('ringtail_cache_misses', 'cache');
const attribution = ownCounter('ringtail_attribution', 'source', 'result');
const stateErrors = ownCounter('ringtail_container_state_errors', 'reason');
const timeouts = ownCounter('ringtail_gate_timeouts');
const overflows = ownCounter('ringtail_gate_overflows');
const reloads = ownCounter('ringtail_config_reloads', 'result');
const rung = ownGauge('ringtail_receiver_rung', 'receiver', 'rung');
const hook = ownGauge('ringtail_hook', 'receiver', 'hook', 'rung', 'health');

const notSent = { outcome: like('dropped', 'failed', 'rejected') } as const;
const lost = { outcome: is('lost') } as const;
const refused = { outcome: is('refused') } as const;

/** What went into a book less what is known of it: 0, but for what is on its way at that moment. */
const difference = ({ metric, total }: (typeof books)[number]): string => {
  const into = select(ownCounter(metric, 'outcome'), { outcome: is(total) });
  const known = selectAnyOwn<'outcome'>(`${metric}(_total)?`, { outcome: isNot(total) });
  return `sum by (instance) (${into}) - sum by (instance) (${known})`;
};

const lostIn = (range: '$__range'): string =>
  [grown(events, { where: lost, range }), grown(pipeline, { where: refused, range }), grown(exporter, { where: notSent, range })]
    .map((expression) => `(${orZero(expression)})`)
    .join(' + ');

export const health = dashboard({
  name: 'health',
  title: 'Health',
  description: 'What Ringtail lost, what waits in it, and what it costs.',
  about: 'ringtail',
  variables: targetVariables('ringtail_pipeline_items_total'),
  sections: [
    {
      height: 4,
      panels: [
        stat({ title: 'Running', description: 'Instances that answer.', unit: 'short', thresholds: [undefined, undefined], queries: [{ expr: `count(${select(uptime)})` }] }),
        stat({
          title: 'Lost',
          description: 'Records and points that were lost in the range that is shown: in the kernel, refused by a pipeline, or not delivered.',
          unit: 'short',
          thresholds: [undefined, 1],
          whole: true,
          decimals: 0,
          queries: [{ expr: lostIn('$__range') }],
        }),
        stat({
          title: 'Ring',
          description: 'How full the ring between kernel and user space is. From three quarters on the kernel leaves out what is many.',
          unit: 'percentunit',
          thresholds: [0.5, 0.75],
          queries: [{ expr: `max(${select(ringUsed)} / ${select(ringBytes)})` }],
        }),
        stat({
          title: 'Fullest queue',
          description: 'Of all exporters. What comes when it is full is dropped, or holds back the pipeline.',
          unit: 'percentunit',
          thresholds: [0.5, 0.9],
          queries: [{ expr: firstOf(`max(${select(queueSize)} / ${select(queueCapacity)})`, 'vector(0)') }],
        }),
        stat({ title: 'CPU', description: 'Cores, user and system.', unit: 'none', decimals: 3, queries: [{ expr: perSecond(cpu) }] }),
        stat({ title: 'Memory', description: 'Resident; the pages of the ring count in it twice.', unit: 'bytes', queries: [{ expr: now(memory) }] }),
        stat({ title: 'Up for', description: 'The instance that began last.', unit: 's', queries: [{ expr: `min(${select(uptime)})` }] }),
        stat({
          title: 'Reloads refused',
          description: 'Configurations with a mistake, in the range that is shown; the old one goes on.',
          unit: 'short',
          thresholds: [1, undefined],
          whole: true,
          decimals: 0,
          queries: [{ expr: orZero(grown(reloads, { where: { result: is('refused') } })) }],
        }),
      ],
    },
    {
      title: 'What goes through',
      height: 8,
      perRow: 2,
      panels: [
        lines({
          title: 'From the kernel to the exporters',
          description: 'Records and points a second: seen in the kernel, written to the ring, read by pipelines, taken by exporters, sent.',
          unit: 'cps',
          queries: [
            { expr: perSecond(events, { where: { outcome: is('seen') } }), legend: 'seen in the kernel' },
            { expr: perSecond(events, { where: { outcome: is('written') } }), legend: 'written to the ring' },
            { expr: perSecond(pipeline, { where: { outcome: is('read') } }), legend: 'read by pipelines' },
            { expr: perSecond(exporter, { where: { outcome: is('accepted') } }), legend: 'taken by exporters' },
            { expr: perSecond(exporter, { where: { outcome: is('sent') } }), legend: 'sent' },
          ],
        }),
        lines({
          title: 'Losses',
          description: 'A second; all of these should be 0. Each is told in the data too, as a ringtail.loss record.',
          unit: 'cps',
          queries: [
            { expr: perSecond(events, { where: lost, by: ['receiver'] }), legend: 'lost in the kernel by {{receiver}}' },
            { expr: perSecond(pipeline, { where: refused, by: ['pipeline'] }), legend: 'refused by {{pipeline}}' },
            { expr: perSecond(exporter, { where: notSent, by: ['exporter', 'outcome', 'reason'] }), legend: '{{outcome}} by {{exporter}}: {{reason}}' },
          ],
        }),
        lines({
          title: 'Ring and queues',
          description: 'How full they are.',
          unit: 'percentunit',
          max: 1,
          limit: 0.75,
          queries: [
            { expr: `max(${select(ringUsed)} / ${select(ringBytes)})`, legend: 'ring' },
            { expr: `max by (exporter) (${select(queueSize)} / ${select(queueCapacity)})`, legend: 'queue of {{exporter}}' },
          ],
        }),
        lines({
          title: 'Books out of balance',
          description: 'What went into a stage less what is known of it. What is on its way shows for a moment; what stays is a defect of Ringtail.',
          unit: 'short',
          isSigned: true,
          queries: books.map((book) => ({ expr: `sum(${difference(book)})`, legend: book.book })),
        }),
      ],
    },
    {
      title: 'How well it knows',
      height: 8,
      perRow: 2,
      panels: [
        lines({
          title: 'Answers from caches',
          description: 'Share of look-ups that a cache answered. A fall: more is alive than the cache has room for.',
          unit: 'percentunit',
          max: 1,
          queries: [{ expr: `${perSecond(hits, { by: ['cache'] })} / (${perSecond(hits, { by: ['cache'] })} + ${perSecond(misses, { by: ['cache'] })})`, legend: '{{cache}}' }],
        }),
        lines({
          title: 'Waits that were given up',
          description: 'Frames that went on after 20 ms without a name that was asked for, questions that were not asked because too many were under way, and stops for want of a frame; a second.',
          unit: 'cps',
          queries: [
            { expr: perSecond(timeouts), legend: 'too late' },
            { expr: perSecond(overflows), legend: 'not asked' },
            { expr: perSecond(frames, { where: { outcome: is('stalled') } }), legend: 'no frame was free' },
          ],
        }),
        lines({
          title: 'Processes named',
          description: 'Share of the acting processes whose executable is known.',
          unit: 'percentunit',
          max: 1,
          queries: [{ expr: `${perSecond(attribution, { where: { result: is('named') } })} / (${perSecond(attribution, { where: { result: like('named', 'unnamed') } })})`, legend: 'named' }],
        }),
        lines({
          title: 'State of containers that was no use',
          description: 'Files and texts that container runtimes left on disk and that could not be used, a second, by reason: containers without names.',
          unit: 'cps',
          queries: [{ expr: perSecond(stateErrors, { by: ['reason'] }), legend: '{{reason}}' }],
        }),
        table({
          title: 'Rungs',
          description: 'By which of its ways each receiver watches: tp_btf or ebpf is the best; procfs misses much.',
          by: 'receiver',
          columns: [
            { title: 'Receiver', label: 'receiver' },
            { title: 'Rung', label: 'rung' },
            { title: 'Instances', expr: `count by (receiver, rung) (${select(rung)} == 1)`, unit: 'short' },
          ],
          sortBy: 'Receiver',
        }),
        table({
          title: 'Hooks',
          description: 'What the receiver sockets is done by, and whether that is the best there is.',
          by: 'hook',
          columns: [
            { title: 'Hook', label: 'hook' },
            { title: 'By', label: 'rung' },
            { title: 'Health', label: 'health' },
            { title: 'Instances', expr: `count by (hook, rung, health) (${select(hook, { health: isNot('') })} == 1)`, unit: 'short' },
          ],
          sortBy: 'Health',
        }),
      ],
    },
    {
      title: 'What it costs',
      height: 8,
      perRow: 2,
      panels: [
        lines({ title: 'CPU, by instance', description: 'Cores, by instance.', unit: 'none', queries: [{ expr: perSecond(cpu, { by: ['instance'] }), legend: '{{instance}}' }] }),
        lines({ title: 'Memory, by instance', description: 'Resident, by instance.', unit: 'bytes', queries: [{ expr: now(memory, { by: ['instance'] }), legend: '{{instance}}' }] }),
      ],
    },
  ],
}); // prettier-ignore
