/** Both ends of a terminal and the process on it, played. */
import { EventEmitter } from 'node:events';
import type { TerminalHost } from '../../../src/text/screen/terminal.ts';
import { createTerminalModel } from './terminal-model.ts';

export const createFakeTerminal = (columns = 80, rows = 24) => {
  const model = createTerminalModel(columns, rows);
  const writes: string[] = [];
  const raw: boolean[] = [];
  const kills: (readonly [number, NodeJS.Signals])[] = [];
  let isPaused = true;
  const input = Object.assign(new EventEmitter(), {
    setRawMode: (mode: boolean) => void raw.push(mode),
    resume: () => (isPaused = false),
    pause: () => (isPaused = true),
  });
  const output = Object.assign(new EventEmitter(), {
    columns,
    rows,
    write(text: string) {
      writes.push(text);
      model.write(text);
    },
  });
  const process = Object.assign(new EventEmitter(), {
    pid: 4711,
    kill: (pid: number, signal: NodeJS.Signals) => void kills.push([pid, signal]),
  });
  return {
    host: { input, output, process } as unknown as TerminalHost,
    model,
    writes,
    raw,
    kills,
    isPaused: () => isPaused,
    process,
    type: (text: string) => input.emit('data', Buffer.from(text)),
    hangUp: () => input.emit('end'),
    resize(wantedColumns: number, wantedRows: number) {
      Object.assign(output, { columns: wantedColumns, rows: wantedRows });
      model.resize(wantedColumns, wantedRows);
      output.emit('resize');
    },
    listeners: () =>
      [input, output, process].reduce(
        (sum, emitter) => sum + emitter.eventNames().reduce((all, name) => all + emitter.listenerCount(name), 0),
        0,
      ),
  };
};
