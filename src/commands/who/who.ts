/** `ringtail who`: which process is behind an address, a port or a connection of this host. */
import { exitCode, type ExitCode } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { HolderFacts } from '../../kernel/sockets/holder-facts.ts';
import { readHolderFacts } from '../../kernel/sockets/holder-facts.ts';
import { lookOnce, type FoundSocket, type LookReport, type LookResult } from '../../kernel/sockets/lookup-once.ts';
import { readBootClock } from '../../kernel/procfs/boot-clock.ts';
import { readUserNames } from '../../kernel/sockets/user-names.ts';
import type { CommandContext } from '../context.ts';
import { rootPathOf } from '../options.ts';
import { toAnswer, type WhoAnswer } from './answer.ts';
import { parseIp, parseQuestion, type WhoQuestion } from './question.ts';
import { answerText } from './text.ts';

export type WhoOptions = { readonly pid?: string; readonly json?: boolean; readonly rootPath?: string };

const DEFAULT_WIDTH = 80;

const baseName = (path: string | undefined): string | undefined => path?.slice(path.lastIndexOf('/') + 1);

const hasName = ({ name, executable, args }: HolderFacts, wanted: string): boolean =>
  name === wanted || baseName(executable) === wanted || baseName(args?.[0]) === wanted;

const holdersOf = (sockets: readonly FoundSocket[]): Iterable<FoundSocket['holders'][number]> => sockets.flatMap(({ holders }) => holders);

/** Sockets that a process of this name holds. */
const ofName = (
  sockets: readonly FoundSocket[],
  facts: ReadonlyMap<number, HolderFacts>,
  name: string | undefined,
): readonly FoundSocket[] =>
  name === undefined
    ? sockets
    : sockets.filter(({ holders }) => holders.some(({ pid }) => facts.has(pid) && hasName(facts.get(pid)!, name)));

const placeNames: Readonly<Record<LookReport['source'], string>> = {
  maps: 'the maps of a Ringtail that runs',
  iterator: "the kernel's open sockets",
  procfs: '/proc',
};

const listed = (places: readonly string[]): string =>
  places.length < 2 ? (places[0] ?? 'nothing') : `${places.slice(0, -1).join(', ')} and ${places.at(-1)}`;

/** Where was looked, and what could not be seen. */
const reportLines = (reports: readonly LookReport[]): readonly string[] => [
  `looked at ${listed(reports.filter(({ used }) => used).map(({ source }) => placeNames[source]))}`,
  ...reports
    .filter(({ source, note, used }) => note !== '' && (used || source !== 'maps'))
    .map(({ source, used, note }) => (used ? note : `${placeNames[source]} could not be looked at: ${note}`)),
];

const asked = (words: readonly string[], { pid }: WhoOptions): string =>
  [...words, ...(pid === undefined ? [] : [`--pid ${pid}`])].map(printable).join(' ') || 'anything';

const answerOf = async (root: string, question: WhoQuestion, { sockets: found }: LookResult): Promise<WhoAnswer> => {
  const allFacts = await readHolderFacts(root, holdersOf(found));
  const sockets = ofName(found, allFacts, question.name);
  const pids = new Set([...holdersOf(sockets)].map(({ pid }) => pid));
  const facts = new Map([...allFacts].filter(([pid]) => pids.has(pid)));
  const uids = new Set([...sockets.map(({ uid }) => uid), ...[...facts.values()].map(({ uid }) => uid)].filter((uid) => uid !== undefined));
  const [names, clock] = await Promise.all([readUserNames(root, [...uids]), readBootClock(root, Date.now)]);
  return toAnswer({ sockets, facts, userName: (uid) => names.get(uid), bootNs: clock?.bootNs });
};

/** Exit code 1 when there is nothing. */
export const whoCommand = async (words: readonly string[], options: WhoOptions, context: CommandContext): Promise<ExitCode> => {
  const question = parseQuestion(words, options.pid);
  const rootPath = rootPathOf(options);
  const root = rootPath === '/' ? '' : rootPath;
  const result = await lookOnce(question, { root, parse: parseIp });
  const answer = await answerOf(root, question, result);
  if (options.json === true) context.stdout.write(`${JSON.stringify({ ...answer, looked_at: result.reports }, undefined, 2)}\n`);
  else if (answer.sockets.length > 0) {
    const { columns = DEFAULT_WIDTH } = context.stdout as { readonly columns?: number };
    context.stdout.write(answerText(answer, columns));
  }
  const isWhole = result.reports.every(({ used, note }) => !used || note === '');
  if (answer.sockets.length === 0)
    context.stderr.write(`ringtail: no socket found for ${asked(words, options)}: ${reportLines(result.reports).join('; ')}\n`);
  else if (!isWhole) context.stderr.write(`ringtail: ${reportLines(result.reports).join('; ')}\n`);
  return answer.sockets.length === 0 ? exitCode.config : exitCode.done;
};
