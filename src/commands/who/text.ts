/** The answer of `ringtail who` for people: a process, and under it what it has open. */
import { amountText } from '../../core/amount-text.ts';
import { printable } from '../../core/printable.ts';
import { hostPortText } from '../../otlp/field-text.ts';
import { durationText } from '../../core/duration-text.ts';
import type { WhoAnswer, WhoEnd, WhoProcess, WhoSocket, WhoUser } from './answer.ts';

const INDENT = '  ';
const GAP = '  ';
/** Of arguments, at least; a narrower terminal breaks the line by itself. */
const LEAST_ROOM = 20;

const endText = (end: WhoEnd | undefined): string => {
  if (end === undefined) return '';
  // an interface may have any name
  const safe = end.address.includes('%') ? printable(end.address) : end.address;
  return hostPortText(safe, end.port);
};

const userText = (user: WhoUser | undefined): string => (user === undefined ? '' : printable(user.name ?? `uid ${user.id}`));

const cut = (text: string, room: number): string => (text.length <= room ? text : `${text.slice(0, Math.max(room, LEAST_ROOM) - 1)}…`);

const quoted = (arg: string): string => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`);

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const processLines = (process: WhoProcess | undefined, width: number): readonly string[] => {
  if (process === undefined) return ['no process that can be seen'];
  if (process.gone) return [`pid ${process.pid}  gone meanwhile`];
  const { container, cgroup } = process;
  const place =
    container === undefined ? (cgroup === undefined || cgroup === '/' ? '' : `cgroup ${printable(cgroup)}`) : `container ${container}`;
  const first = [printable(process.name), `pid ${process.pid}`, userText(process.user), place].filter((text) => text !== '').join(GAP);
  const executable = printable(process.executable ?? '');
  const [called = '', ...args] = process.args ?? [];
  // what it is called is told when that is not just another name of the file
  const isPlain = called === '' || baseName(process.executable ?? '').startsWith(baseName(called));
  const command = printable((isPlain && executable !== '' ? args : [called, ...args]).map(quoted).join(' '));
  const second = [executable, command].filter((text) => text !== '').join(isPlain ? ' ' : GAP);
  return [cut(first, width), ...(second === '' ? [] : [cut(`${INDENT}${second}`, width)])];
};

type Cells = readonly [protocol: string, local: string, peer: string, state: string];

const cellsOf = ({ protocol, local, peer, state }: WhoSocket): Cells => [protocol, endText(local), endText(peer), state ?? ''];

/** What else is known of it, in a sentence. */
const detailsOf = (socket: WhoSocket, owner: WhoProcess | undefined, nameOf: (pid: number) => string): string => {
  const { role, age_seconds: age, sent_bytes: sent, received_bytes: received, user, holders } = socket;
  let text = '';
  const add = (part: string): void => void (text = text === '' ? part : `${text}, ${part}`);
  if (role !== undefined) add(role);
  if (age !== undefined) add(`open ${durationText(age * 1e9)}`);
  if (sent !== undefined) add(`sent ${amountText(sent)}`);
  if (received !== undefined) add(`received ${amountText(received)}`);
  if (user !== undefined && owner?.user !== undefined && user.id !== owner.user.id) add(`socket of ${userText(user)}`);
  if (holders.length > 1 || (holders.length === 1 && holders[0] !== socket.owner))
    add(`held by ${holders.filter((pid) => pid !== socket.owner).map(nameOf).join(', ')} too`); // prettier-ignore
  add(`known by ${socket.known_by}`);
  return text;
};

const widest = (rows: readonly Cells[], column: number): number => {
  let most = 0;
  for (const row of rows) most = Math.max(most, row[column]!.length);
  return most;
};

/** Words of `text` in lines of at most `width`, each behind `indent`. */
const wrapped = (text: string, indent: string, width: number): readonly string[] => {
  if (indent.length + text.length <= width) return [indent + text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
};

/** Ends with a newline. `width`: of the terminal; no line is longer but for an address or a name that is. */
export const answerText = ({ processes, sockets }: WhoAnswer, width: number): string => {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const nameOf = (pid: number): string => {
    const name = byPid.get(pid)?.name ?? '';
    return name === '' ? `pid ${pid}` : `${printable(name)} (pid ${pid})`;
  };
  const cells = sockets.map(cellsOf);
  const [protocolWidth, localWidth, peerWidth, stateWidth] = [0, 1, 2, 3].map((column) => widest(cells, column)) as [
    number,
    number,
    number,
    number,
  ];
  const oneLine = INDENT.length + protocolWidth + localWidth + peerWidth + stateWidth + 3 * GAP.length;
  const groups = new Map<number, number[]>();
  sockets.forEach(({ owner = 0 }, index) => {
    const group = groups.get(owner);
    if (group === undefined) groups.set(owner, [index]);
    else group.push(index);
  });
  const lines: string[] = [];
  for (const pid of [...groups.keys()].toSorted((a, b) => a - b)) {
    if (lines.length > 0) lines.push('');
    lines.push(...processLines(byPid.get(pid), width));
    for (const index of groups.get(pid)!) {
      const [protocol, local, peer, state] = cells[index]!;
      const details = detailsOf(sockets[index]!, byPid.get(pid), nameOf);
      const front = `${INDENT}${protocol.padEnd(protocolWidth)}${GAP}`;
      const line = `${front}${local.padEnd(localWidth)}${GAP}${peer.padEnd(peerWidth)}${GAP}${state.padEnd(stateWidth)}`;
      if (oneLine + GAP.length + details.length <= width) lines.push(`${line}${GAP}${details}`);
      else {
        if (oneLine <= width) lines.push(line.trimEnd());
        else
          lines.push(
            `${front}${local}`,
            ...(peer === '' ? [] : [`${' '.repeat(front.length)}${peer}`]),
            ...(state === '' ? [] : [`${' '.repeat(front.length)}${state}`]),
          );
        lines.push(...wrapped(details, ' '.repeat(front.length), width));
      }
    }
  }
  return `${lines.join('\n')}\n`;
};
