/** Reports of intervals are what programs did in two cgroups and two network namespaces, to the session and the byte, for several who look at once. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { openReport } from '../../../src/live/report/report.ts';
import type { RecentSession, ReportGroup, ReportPage, ReportQuery, ReportTotals } from '../../../src/live/report/types.ts';
import type { KernelServices } from '../../../src/kernel/services.ts';
import { needUnified, removeCgroup } from '../harness/cgroups.ts';
import { waitFor } from '../harness/pipeline.ts';
import type { Scenario } from '../harness/scenario.ts';
import { collect, metricsOf, openKernel, startSums, STOP_MS, valuesOf } from '../harness/session-sums.ts';

const SHORT = 60;
const SHORT_6 = 30;
const REFUSED = 3;
const DATAGRAMS = 10;
const BEFORE = 4;
const OPEN = 5;
const RECENT = 7;

type Sums = Omit<ReportTotals, 'open'>;
const nothing: Sums = { opened: 0, failed: 0, closed: 0, sentBytes: 0, receivedBytes: 0 };
const names = Object.keys(nothing) as readonly (keyof Sums)[];

const added = (sums: Sums, more: Sums | undefined): Sums =>
  Object.fromEntries(names.map((name) => [name, sums[name] + (more?.[name] ?? 0)])) as Sums;

/** Takes pages for as long as it is not closed. */
const look = async (kernel: KernelServices, query: Partial<ReportQuery>) => {
  const stop = new AbortController();
  const whole: ReportQuery = { intervalMs: 100, cgroup: '', containers: true, recent: 0, ...query };
  const report = await openReport(kernel, whole, stop.signal);
  const pages: ReportPage[] = [];
  const ended = (async () => {
    for await (const page of report) pages.push(page);
  })();
  ended.catch(() => {});
  return {
    pages,
    /** What all pages together say of a group. */
    sumsOf: (groupOf: (page: ReportPage) => Sums | undefined): Sums => pages.reduce((sums, page) => added(sums, groupOf(page)), nothing),
    /** A page whose interval began behind this moment. */
    async next(): Promise<ReportPage> {
      const before = pages.length;
      await waitFor('two reports', () => pages.length >= before + 2);
      return pages.at(-1)!;
    },
    async close(): Promise<void> {
      stop.abort();
      await ended;
    },
  };
};

const exact: Scenario = {
  name: 'reports: what is open, began, failed, ended and moved in each interval, by cgroup, container and network namespace',
  async run(context) {
    const mount = await needUnified(context);
    const [plain, container] = [
      `/ringtail-report-${process.pid}`,
      `/docker-${createHash('sha256').update(String(process.pid)).digest('hex')}.scope`,
    ];
    for (const path of [plain, container]) mkdirSync(`${mount}${path}`);
    const { kernel } = openKernel();
    const one = await startSums(context, `${mount}${plain}`);
    const other = await startSums(context, `${mount}${container}`);
    await one.act(`open ${BEFORE}`);
    const metrics = collect(metricsOf(kernel), one.network);
    const looks: Awaited<ReturnType<typeof look>>[] = [];
    try {
      await kernel.start();
      assert.equal(kernel.sockets().rung, 'ebpf', kernel.sockets().notes.join('; '));
      const hasPeers = kernel.sockets().hooks.some(({ hook, rung }) => hook === 'peer' && rung !== 'none');
      const udp = hasPeers ? 1 : 0;
      const all = await look(kernel, {});
      const below = await look(kernel, { intervalMs: 170, cgroup: container, recent: RECENT });
      looks.push(all, below);
      const ofPlain = ({ byCgroup }: ReportPage): ReportGroup | undefined => byCgroup.find(({ name }) => name === plain);
      const ofContainer = ({ byContainer }: ReportPage): ReportGroup | undefined => byContainer.find(({ id }) => container.includes(id));

      await Promise.all([
        one.act(`short4 ${SHORT}`, `refused ${REFUSED}`, 'more 200', 'waiting 0'),
        other.act(`short6 ${SHORT_6}`, `open ${OPEN}`, ...(hasPeers ? [`datagrams ${DATAGRAMS}`] : [])),
      ]);
      const page = await all.next();
      assert.deepEqual([ofPlain(page)?.open, ofContainer(page)?.open], [2 * BEFORE, 2 * OPEN + 2 * udp]);
      const short = 400 * SHORT + 200 * BEFORE;
      assert.deepEqual(all.sumsOf(ofPlain), {
        opened: 2 * SHORT,
        failed: REFUSED,
        closed: 2 * SHORT,
        sentBytes: short,
        receivedBytes: short,
      });
      const bytes = 400 * SHORT_6 + 1000 * OPEN + 80 * DATAGRAMS * udp;
      const began = { opened: 2 * (SHORT_6 + OPEN + udp), failed: 0, closed: 2 * SHORT_6, sentBytes: bytes, receivedBytes: bytes };
      assert.deepEqual(all.sumsOf(ofContainer), began);
      const label = container.slice('/docker-'.length, '/docker-'.length + 12);
      // before 5.12 a namespace has no cookie until a socket is made there
      const networkOf = (member: string): ReportGroup => {
        const found = all.pages.flatMap(({ byNetns }) => byNetns.filter(({ members, opened }) => opened > 0 && members?.includes(member) === true)); // prettier-ignore
        assert.equal(new Set(found.map(({ id }) => id)).size, 1, member);
        return page.byNetns.find(({ id }) => id === found[0]!.id)!;
      };
      assert.notEqual(networkOf(plain).id, networkOf(label).id);
      assert.equal(networkOf(label).isContainer, true);
      // the kernel forgets them after a minute, which a machine under emulation may take to get here
      const waiting = networkOf(plain).timeWait!;
      assert(waiting === SHORT || (waiting < SHORT && waiting >= one.waiting()), `${waiting} in TIME_WAIT`);
      const looked = await below.next();
      assert.deepEqual(looked.states, { established: 2 * OPEN, ...(hasPeers ? { open: 2 } : {}) });
      assert.deepEqual(looked.host, { open: 0, ...nothing });

      await Promise.all([one.act('close 0'), other.act('close 0', ...(hasPeers ? ['shut 0'] : []))]);
      await Promise.all([one.end(), other.end()]);
      await removeCgroup(`${mount}${container}`);
      await Promise.all([all.next(), below.next()]);
      const over = { ...began, closed: began.opened };
      assert.deepEqual(all.sumsOf(ofContainer), over, 'it is known by its name when it is gone');
      assert.deepEqual(all.sumsOf(ofPlain).closed, 2 * SHORT + 2 * BEFORE, 'those that were open before too');
      assert.deepEqual(below.sumsOf(({ containers }) => containers), over, 'another interval says the same'); // prettier-ignore
      assert.deepEqual(below.sumsOf(({ host }) => host), nothing); // prettier-ignore
      const told = below.pages.flatMap(({ recent }) => recent);
      assert.equal(told.length + below.pages.reduce((sum, { recentMissed }) => sum + recentMissed, 0), over.opened + over.closed);
      assert(below.pages.every(({ recent }) => recent.length <= RECENT));
      const wanted: Partial<RecentSession> = { process: context.program('session-sums'), container: label, user: 'root' };
      for (const session of told) assert.deepEqual({ ...session, ...wanted }, session);
      assert.deepEqual(new Set(told.map(({ what }) => what)), new Set(['opened', 'closed']));

      for (const { close } of looks.splice(0)) await close();
      const counted = await metrics.next();
      const both = { 'tcp ipv4 established client': SHORT, 'tcp ipv4 established server': SHORT };
      assert.deepEqual(valuesOf(counted, 'opened'), both, 'the metrics of a receiver stay what they are');
      // before 5.12 what was open before is of no namespace
      const io = one.network === 0n ? 400 * SHORT : short;
      assert.deepEqual(valuesOf(counted, 'io'), { 'tcp ipv4 transmit': io, 'tcp ipv4 receive': io });
    } finally {
      for (const { close } of looks) await close().catch(() => {});
      metrics.close();
      await kernel.quiesce(STOP_MS);
      await kernel.stop(STOP_MS);
      await Promise.allSettled([one.end(), other.end()]);
      for (const path of [plain, container]) if (existsSync(`${mount}${path}`)) await removeCgroup(`${mount}${path}`);
    }
  },
};

export const liveReportScenarios: readonly Scenario[] = [exact];
