/** Sessions of unix sockets: both ends, each with its process and that at the other end. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { loadAddon } from '../../../src/kernel/addon.ts';
import { netTransport, sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';
import type { SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import { waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import { bySession, recordSessions, type SessionRecord, type SessionRecorder } from '../harness/session-records.ts';
import type { Facts, Scenario } from '../harness/scenario.ts';

/** The walk that finds ends comes by once a second; machines under emulation are slow. */
const needs: Partial<SocketNeeds> = { protocols: new Set(['unix']) };

const toldBy = ({ lines }: Facts): readonly string[] => lines.filter(([word]) => word === 'session').map(([, ...rest]) => rest.join(' '));

const hasLengths = (): boolean => (probeFacts(loadAddon()).traceArguments['sock_send_length'] ?? -1) > 0;

const lineOf = ({ role, pid, peerPid, sent, received }: SessionRecord): string => [role, pid, peerPid, sent, received].join(' ');

/** Without tracepoints of lengths bytes are not known. */
const asToldHere = (told: readonly string[]): readonly string[] =>
  hasLengths() ? told : told.map((line) => line.replace(/ \d+ \d+$/, ' 0 0'));

/** Connections that other programs of this machine may make meanwhile; one run makes 12. */
const OTHERS = 6;

const entriesOf = ({ kernel }: SessionRecorder): readonly number[] =>
  (['sessions', 'unix_sessions'] as const).map((map) => kernel.socketMaps.read(map)?.count ?? Infinity);

export const sessionUnixScenarios: readonly Scenario[] = [
  {
    name: 'sessions of unix sockets: both ends with their processes, names and bytes',
    async run(context) {
      const recorder = await recordSessions({ needs });
      const before = entriesOf(recorder);
      try {
        const path = join(context.folder, 'socket');
        const long = join(context.folder, 'l'.repeat(107 - context.folder.length));
        for (const name of [path, '@ringtail-abstract', long]) {
          const facts = await context.run('unix-sessions', [name]);
          assert.equal(facts.code, 0);
          const pids = new Set([facts.pid, ...facts.all('child').map(([pid]) => pid!)]);
          const own = () => recorder.records.filter(({ pid }) => pids.has(pid));
          await waitFor('the ends', () => own().filter(({ kind }) => kind === 'end').length === 4);
          const ends = own().filter(({ kind }) => kind === 'end');
          assert.deepEqual(ends.map(lineOf).toSorted(), asToldHere(toldBy(facts)).toSorted());
          for (const session of bySession(own())) {
            const [start, end] = session;
            assert.deepEqual([session.length, start?.kind, end?.kind], [2, 'start', 'end']);
            assert.equal(start!.transport, netTransport.unix);
            const [named, nameless] = start!.role === 'client' ? [start!.peer, start!.local] : [start!.local, start!.peer];
            assert.deepEqual([named, nameless], [name, '-']);
            assert.deepEqual(
              [end!.local, end!.peer, end!.peerPid],
              [start!.local, start!.peer, start!.peerPid],
              'the socket is gone by then',
            );
            assert((end!.flags & sessionFlag.hasStart) !== 0 && end!.durationNs > 0n);
            assert.equal((end!.flags & sessionFlag.hasBytes) !== 0, hasLengths());
          }
        }
        // others of this machine have theirs
        await waitFor('the maps to be as before', () => entriesOf(recorder).every((count, at) => count <= before[at]! + OTHERS));
      } finally {
        await recorder.stop();
      }
    },
  },
  {
    name: 'sessions of unix sockets: a connection that was open before',
    async run(context) {
      const path = join(context.folder, 'before');
      const program = startProgram(context.program('unix-sessions'), [path, 'before']);
      await waitFor('the connection', () => program.output().includes('ready'));
      const recorder = await recordSessions({ needs });
      try {
        program.child.stdin.end('\n');
        const facts = await program.ended;
        const [client] = facts.all('ready')[0]!;
        // what it speaks to this test by is a pair of unix sockets too, which nobody named
        const own = () =>
          recorder.records.filter(({ local, peer, flags }) => (local === path || peer === path) && (flags & sessionFlag.hasStart) === 0);
        await waitFor('the ends', () => own().filter(({ kind }) => kind === 'end').length === 2);
        assert.deepEqual(
          own().map(({ kind }) => kind),
          ['end', 'end'],
          'no start of what was there',
        );
        assert.deepEqual(
          new Set(own().map(({ pid, peerPid }) => `${pid} ${peerPid}`)),
          new Set([`${client} ${facts.pid}`, `${facts.pid} ${client}`]),
        );
      } finally {
        await recorder.stop();
      }
    },
  },
];
