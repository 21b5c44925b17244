/** A page for Prometheus as data that can be compared. */

export type PageLine = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** As it stands there. */
  readonly time: number | undefined;
};
export type Page = { readonly lines: readonly PageLine[]; readonly types: readonly string[]; readonly helps: readonly string[] };

const unescaped = (text: string): string => text.replace(/\\(.)/gs, (_, character: string) => (character === 'n' ? '\n' : character));
const numberOf = (text: string): number => Number(text.replace('Inf', 'Infinity'));
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gs;
const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: (\S+))?$/s;

/** Throws at a line that is none. */
export const parsePage = (text: string): Page => {
  const [lines, types, helps]: [PageLine[], string[], string[]] = [[], [], []];
  for (const line of text.split('\n')) {
    if (line === '' || line === '# EOF') continue;
    if (line.startsWith('# TYPE ')) types.push(line.slice(7));
    else if (line.startsWith('# HELP ')) helps.push(line.slice(7));
    else {
      const match = sample.exec(line);
      const labels = Object.fromEntries(Array.from((match?.[2] ?? '').matchAll(label), ([, name, value]) => [name!, unescaped(value!)]));
      const whole = Array.from((match?.[2] ?? '').matchAll(label), ([all]) => all).join('');
      if (match === null || whole !== (match[2] ?? '')) throw new Error(`no line of a page: ${line}`);
      const time = match[4] === undefined ? undefined : Number(match[4]);
      lines.push({ name: match[1]!, labels, value: numberOf(match[3]!), time });
    }
  }
  return { lines, types: types.toSorted(), helps: helps.toSorted() };
};

/** One text a line, the labels in order, for comparisons in which the order of lines does not matter. */
export const linesOf = ({ lines }: Page): readonly string[] =>
  lines
    .map(({ name, labels, value, time }) => `${name} ${JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))} ${value} ${time ?? ''}`)
    .toSorted(); // prettier-ignore
