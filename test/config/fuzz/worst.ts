/** Texts on which parsers take long: many pieces, deep nesting, aliases, huge scalars, mistakes everywhere. */

const fill = (piece: string, length: number): string => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);

/** A thousand million values in twelve lines. */
const aliasBomb = [
  'a0: &a0 [x, x, x, x, x, x, x, x, x, x]',
  ...Array.from({ length: 9 }, (_, level) => `a${level + 1}: &a${level + 1} [${fill(`*a${level},`, 40)}]`),
].join('\n');

const mergeBomb = [
  'm0: &m0 {a: 1, b: 2}',
  ...Array.from({ length: 40 }, (_, level) => `m${level + 1}: &m${level + 1} {<<: [*m${level}, *m${level}], k${level}: *m${level}}`),
].join('\n');

const repeated = (length: number): readonly (readonly [name: string, text: string])[] => [
  ['numbers', `a: [${fill('1,', length)}]`],
  ['empty lists', `a: [${fill('[],', length)}]`],
  ['open lists', fill('[', length)],
  ['open maps', fill('{', length)],
  ['lists in lists', fill('- ', length)],
  ['keys in keys', fill('a: ', length)],
  ['questions', fill('? ', length)],
  ['a long plain text', `a: ${fill('x', length)}`],
  ['a long quoted text', `a: "${fill('\\n', length)}"`],
  ['a quoted text that does not end', `a: "${fill('x\n ', length)}`],
  ['a plain text of many lines', `a: ${fill('x\n ', length)}`],
  ['a folded text', `a: >\n${fill(' x\n', length)}`],
  ['wrong escapes', `a: "${fill('\\q', length)}"`],
  ['comments', fill('#\n', length)],
  ['equal keys', fill('a: 1\n', length)],
  ['documents', fill('a\n---\n', length)],
  ['anchors', `a: [${fill('&a 1,', length)}]`],
  ['aliases', `a: [&a 1,${fill('*a,', length)}]`],
  ['tags', `a: [${fill('!x 1,', length)}]`],
  ['merges', `{${fill('<<: {a: 1},', length)}}`],
  ['commas', `a: [${fill(',', length)}]`],
  ['wrong brackets', `a: [${fill('] [', length)}`],
  ['quotes', fill('"', length)],
  ['tabs', fill('\ta: b\n', length)],
  ['references', `a: ${fill('${env:TOKEN}', length)}`],
  ['wrong references', `a: "${fill('${x y}', length)}"`],
  ['files', `a: ${fill('${file:/proc/self/status}', length)}`],
  ['devices', `a: ["${fill('${file:/dev/zero}', length)}"]`],
  ['a long key', `${fill('x', length)}: 1`],
  ['unknown receivers', `receivers:\n${Array.from({ length: length / 16 }, (_, index) => `  proces${index}: {}\n`).join('')}`],
  ['stairs', Array.from({ length: Math.sqrt(2 * length) }, (_, index) => `${' '.repeat(index)}a:`).join('\n')],
];

/** As long as a configuration with ten thousand rules: it may take longer, and not much. */
export const LONG = 250_000;

/** By name; lengths of large configurations, of the largest that are taken, and far above. */
export const worstTexts: readonly (readonly [name: string, text: string])[] = [
  ['alias bomb', aliasBomb],
  ['merge bomb', mergeBomb],
  ...[24_000, LONG, 1_000_000].flatMap((length) => repeated(length).map(([name, text]) => [`${name}, ${length}`, text] as const)),
];
