/** What `ringtail run` says on a terminal when nobody gave it a configuration: what is seen, what to try, where things are, how to end. */
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import type { Health, ServiceView } from '../core/component.ts';
import { durationText } from '../core/duration-text.ts';
import { printable } from '../core/printable.ts';
import { version } from '../service/version.ts';
import { wantsColour } from '../text/colour.ts';
import { cutText, padText } from '../text/width.ts';

type Part = ReturnType<ServiceView['components']>[number];

export type FirstScreen = {
  readonly version: string;
  /** Release of the kernel. */
  readonly kernel: string;
  readonly readyMs: number;
  /** Of the service that runs. */
  readonly parts: readonly Part[];
  /** Where Ringtail lies. */
  readonly folder: string;
  /** What has to stand before a command that root may use only. */
  readonly asRoot: string;
  /** Where its own metrics are served; undefined: nowhere. */
  readonly metrics: string | undefined;
  readonly width: number;
  readonly colour: boolean;
};

const LABEL = 8;
const WHAT = 38;
/** Of why something is not seen; the pages say it at length. */
const WHY_LINES = 3;

const seen: Readonly<Record<string, string>> = {
  process: 'every program that starts or ends',
  sockets: 'every connection, and who owns it',
};

/** In plain words, by the rung that a receiver stands on. */
const howOf = (rung: unknown): string => {
  if (rung === 'none') return 'not on this host';
  if (rung === 'procfs') return 'by /proc: short lives are missed';
  return rung === 'ebpf' ? 'by eBPF programs' : `by tracepoints (${String(rung)})`;
};

const isPoor = ({ status, details }: Health): boolean => status !== 'ok' || details?.['rung'] === 'procfs' || details?.['rung'] === 'none';

const wrap = (text: string, width: number): readonly string[] => {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
};

type Row = { readonly label?: string; readonly what: string; readonly more?: string; readonly isWarning?: boolean };

/** Why something is missing, once: who asks the same of the kernel is refused for the same reason. */
const whyRows = (parts: readonly Part[], width: number): readonly Row[] => {
  const poor = parts.find(({ health }) => health.message !== '' && isPoor(health));
  if (poor === undefined) return [];
  const lines = wrap(printable(poor.health.message), width - LABEL);
  const shown = lines.slice(0, WHY_LINES);
  if (lines.length > shown.length) shown.push('... "ringtail doctor" tells more');
  return shown.map((what, index) => ({ ...(index === 0 ? { label: 'but' } : {}), what, isWarning: true }));
};

const rowsOf = ({ parts, folder, asRoot, metrics, width }: FirstScreen): readonly Row[] => {
  const receivers = parts.filter(({ kind }) => kind === 'receiver');
  const control = parts.find(({ kind, id }) => kind === 'extension' && id.startsWith('control'));
  const socket = control?.health.status === 'ok' ? control.health.details?.['socket'] : undefined;
  const live = `${asRoot}bin/ringtail`;
  return [
    ...receivers.map(({ id, health }, index) => ({
      ...(index === 0 ? { label: 'seen' } : {}),
      what: seen[id] ?? id,
      more: howOf(health.details?.['rung']),
      isWarning: isPoor(health),
    })),
    ...whyRows(receivers, width),
    { label: 'next', what: `in another terminal, in ${folder}:` },
    { what: `  ${live} top`, more: 'connections now' },
    { what: `  ${live} events`, more: 'this stream, with filters' },
    { what: `  ${live} report`, more: 'totals, every five seconds' },
    { what: '  npm run demo:traffic -- --auto', more: 'traffic to look at' },
    { label: 'files', what: 'README.md, docs/', more: 'how it all works' },
    { what: 'bin/ringtail print-config', more: 'the configuration in force' },
    { what: 'bin/ringtail init', more: 'writes one of your own' },
    ...(socket === undefined ? [] : [{ what: String(socket), more: 'answers top, events and report' }]),
    ...(metrics === undefined ? [] : [{ what: `http://${metrics}/metrics`, more: 'what Ringtail knows of itself' }]),
    { label: 'end', what: 'Ctrl-C', more: 'the last line: was anything lost?' },
  ];
};

/** Lines no wider than the terminal, and an empty one. */
export const firstScreenText = (screen: FirstScreen): string => {
  const { colour, width, kernel, readyMs } = screen;
  const paint = (format: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  const line = ({ label = '', what, more = '', isWarning = false }: Row): string => {
    const cut = cutText(printable(what), width - LABEL);
    const room = width - LABEL - WHAT;
    const rest = more === '' || room <= 0 ? '' : cutText(printable(more), room);
    const text = rest === '' ? cut : padText(cutText(cut, WHAT - 1), WHAT);
    return `${paint('bold', padText(label, LABEL))}${isWarning && rest === '' ? paint('yellow', text) : text}${paint(isWarning ? 'yellow' : 'dim', rest)}\n`;
  };
  const title = `Ringtail ${screen.version} looks at this host: Linux ${kernel}, ready after ${durationText(readyMs * 1e6)}.`;
  return [`${paint('bold', cutText(printable(title), width))}\n`, ...rowsOf(screen).map(line), '\n'].join('');
};

const DEFAULT_WIDTH = 80;
const installed = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The same of this process and the service that runs in it. */
export const ownFirstScreen = (of: {
  readonly view: ServiceView;
  readonly readyMs: number;
  readonly metrics: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly columns: number | undefined;
}): string =>
  firstScreenText({
    version,
    kernel: release(),
    readyMs: of.readyMs,
    parts: of.view.components(),
    folder: installed,
    asRoot: process.getuid?.() === 0 && (of.environment['SUDO_USER'] ?? '') === '' ? '' : 'sudo ',
    metrics: of.metrics,
    // a terminal that nobody told its size says that it has 0 columns
    width: of.columns === undefined || of.columns === 0 ? DEFAULT_WIDTH : of.columns,
    colour: wantsColour({ isTTY: true, env: of.environment }),
  });
