import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createFakeProc, type FakeProc, type FakeProcess } from '../fake-proc.ts';

const hexOf = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

/** As the kernel of a little-endian machine writes it; IPv6 as 16 bytes of hex digits. */
export const tableAddress = (address: string): string => {
  const bytes = address.includes('.') ? Buffer.from(address.split('.').map(Number)) : Buffer.from(address, 'hex');
  const words = Array.from({ length: bytes.length / 4 }, (_, word) => hexOf(bytes.readUInt32LE(word * 4), 8));
  return words.join('');
};

export type FakeRow = {
  readonly local: string;
  readonly localPort?: number;
  readonly peer?: string;
  readonly peerPort?: number;
  readonly state?: number;
  readonly inode?: number;
  readonly uid?: number;
  readonly queues?: readonly [tx: number, rx: number];
};

const titleOfInet = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

export const inetLine = (row: FakeRow, index = 0): string => {
  const {
    local,
    localPort = 0,
    peer = local.includes('.') ? '0.0.0.0' : '00'.repeat(16),
    peerPort = 0,
    state = 7,
    inode = 0,
    uid = 0,
  } = row;
  const [tx, rx] = row.queues ?? [0, 0];
  const ends = `${tableAddress(local)}:${hexOf(localPort, 4)} ${tableAddress(peer)}:${hexOf(peerPort, 4)} ${hexOf(state, 2)}`;
  return `${String(index).padStart(4)}: ${ends} ${hexOf(tx, 8)}:${hexOf(rx, 8)} 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} 1 0000000000000000 100 0 0 10 0`;
};

export type FakeSockets = FakeProc & {
  /** A process in a network namespace with descriptors from 3 on, each the inode of a socket or another target. */
  hold(process: FakeProcess & { readonly netns?: number; readonly fds?: readonly (number | string)[]; readonly thread?: number }): void;
  /** Rows of a table of IPv4 or IPv6 as that process sees it. */
  table(pid: number, table: string, rows: readonly FakeRow[]): void;
};

export const INITIAL_NETNS = 4026531840;

export const createFakeSockets = (): FakeSockets => {
  const proc = createFakeProc();
  const link = (target: string, path: string): void => {
    const full = join(proc.root, path);
    mkdirSync(dirname(full), { recursive: true });
    rmSync(full, { force: true });
    symlinkSync(target, full);
  };
  return {
    ...proc,
    hold({ netns = INITIAL_NETNS, fds = [], thread, ...process }) {
      proc.set(process);
      const at = `proc/${process.pid}`;
      proc.mkdir(`${at}/fd`);
      const folder = thread === undefined ? at : `${at}/task/${thread}`;
      link(`net:[${netns}]`, `${folder}/ns/net`);
      fds.forEach((fd, index) => link(typeof fd === 'number' ? `socket:[${fd}]` : fd, `${folder}/fd/${index + 3}`));
    },
    table(pid, table, rows) {
      proc.write(`proc/${pid}/net/${table}`, titleOfInet + rows.map((row, index) => `${inetLine(row, index)}\n`).join(''));
    },
  };
};
