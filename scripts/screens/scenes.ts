/** Which pictures there are, and how each comes about. */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { writeCProject } from '../../test/support/c-project.ts';
import { openTerminal } from './tmux.ts';

export type Scene = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly columns: number;
  readonly rows: number;
  /** Requests a second of the generator. */
  readonly rate: number;
  /** To a Ringtail that runs beside it. */
  readonly isAttached: boolean;
  /** Rows of the terminal, with codes of style; `generator` is the process of the traffic. */
  take(generator: number): Promise<string>;
};

const RINGTAIL = 'bin/ringtail';
/** Other processes of this machine belong in no picture: of what is seen only the generator's is shown. */
export const runCommand = (generator: number): string => {
  const keep = `[{cgroup: "/ringtail-demo-${generator}-*"}, {cgroup: "/system.slice/demo.service"}]`;
  const values = [
    `processors.filter='{preset: none, never_drop: [], process: {drop: [{comm: "*"}], keep: ${keep}}}'`,
    `service.pipelines.logs.processors='[filter, resolve_container, resolve_process, resolve_user]'`,
  ];
  return [RINGTAIL, 'run', ...values.map((value) => `--set ${value}`)].join(' ');
};

/** Of the demonstration, as all commands select it. */
const DEMO = "--process 'demo-*'";

export const pictures: readonly Scene[] = [
  {
    name: 'start',
    title: 'sudo npm start',
    description:
      'The first screen of Ringtail on a terminal, and events below it: programs that start and end, connections that open and close',
    columns: 100,
    rows: 30,
    rate: 12,
    isAttached: false,
    async take(generator) {
      const terminal = openTerminal(runCommand(generator), this);
      await terminal.shows(new RegExp(`^Ringtail [^]*(?:\\n\\d\\d:.*){${this.rows - 16}}`, 'm'));
      const text = terminal.beginning(this.rows);
      terminal.keys('C-c');
      await terminal.shows(/stopped; the books balance/);
      terminal.close();
      return text;
    },
  },
  {
    name: 'events',
    title: "sudo ringtail events --process 'demo-*' --event session",
    description: 'ringtail events: a line for each connection that opens or closes, with container, process, both ends, bytes and duration',
    columns: 132,
    rows: 18,
    rate: 30,
    isAttached: true,
    async take() {
      const terminal = openTerminal(`${RINGTAIL} events ${DEMO} --event session`, this);
      await terminal.shows(new RegExp(`(?:\\n\\d\\d:.*){${this.rows}}`));
      const text = terminal.screen();
      terminal.close();
      return text;
    },
  },
  {
    name: 'top',
    title: "sudo ringtail top --process 'demo-*'",
    description: 'ringtail top: connections that are open now, by bytes a second, with container, process, both ends and state',
    columns: 100,
    rows: 22,
    rate: 150,
    isAttached: true,
    async take() {
      const terminal = openTerminal(`${RINGTAIL} top ${DEMO}`, this);
      await terminal.shows(/demo-server/);
      await wait(4000);
      const text = terminal.screen();
      terminal.keys('q');
      terminal.close();
      return text;
    },
  },
  {
    name: 'report',
    title: 'sudo ringtail report --show-containers --show-events 6',
    description: 'ringtail report: totals of host and containers, connections by state, the most recent ones',
    columns: 120,
    rows: 26,
    rate: 60,
    isAttached: true,
    async take() {
      const terminal = openTerminal(`${RINGTAIL} report --show-containers --show-events 6`, this);
      await terminal.shows(/before them/);
      const text = terminal.screen();
      terminal.close();
      return text;
    },
  },
  {
    name: 'trace',
    title: 'sudo ringtail trace -- make -j2',
    description: 'ringtail trace: a build as a tree of programs, with how long each took, how it ended, and what the build waited for',
    columns: 100,
    rows: 30,
    rate: 5,
    isAttached: false,
    async take() {
      const project = join(tmpdir(), 'shop');
      writeCProject(project, { files: 6, lines: 400, afterwards: './program && curl -s -o /dev/null http://127.0.0.1:1/ || exit 3' });
      try {
        const terminal = openTerminal(`${RINGTAIL} trace --lines 22 -- make -s -j2 -C ${project}; sleep 60`, this);
        await terminal.shows(/sent nowhere/);
        const text = terminal.screen();
        terminal.close();
        return text;
      } finally {
        rmSync(project, { recursive: true, force: true });
      }
    },
  },
];
