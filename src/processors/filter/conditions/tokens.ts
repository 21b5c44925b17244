/** A condition cut into words. Columns count characters from 1. */

export class ConditionProblem extends Error {
  override readonly name = 'ConditionProblem';
  readonly column: number;

  constructor(column: number, message: string) {
    super(message);
    this.column = column;
  }
}

export type Token =
  | { readonly type: 'string'; readonly text: string; readonly column: number }
  | { readonly type: 'number'; readonly value: number | bigint; readonly column: number }
  /** `end` has no text. */
  | { readonly type: 'word' | 'sign' | 'end'; readonly text: string; readonly column: number };

const space = /\s+/y;
const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)/y;
const sign = /==|!=|<=|>=|<|>|\(|\)|\[|\]|,|\./y;
/** As in Go, which the Collector reads them with. */
const escape = /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;
const named: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"' };

const match = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

const stringAt = (text: string, start: number): { readonly value: string; readonly end: number } => {
  let value = '';
  let at = start + 1;
  while (at < text.length && text[at] !== '"') {
    if (text[at] !== '\\') {
      value += text[at++];
      continue;
    }
    const found = match(escape, text, at);
    if (found === null)
      throw new ConditionProblem(
        at + 1,
        `a backslash means something in a text; write two for one: ${JSON.stringify('\\' + (text[at + 1] ?? '')).slice(1, -1)}`,
      );
    const [whole, name, byte, short, long] = found;
    const code = Number.parseInt(byte ?? short ?? long ?? '0', 16);
    if (code > 0x10_ffff) throw new ConditionProblem(at + 1, `${whole} is no character`);
    value += name === undefined ? String.fromCodePoint(code) : named[name]!;
    at += whole.length;
  }
  if (at >= text.length) throw new ConditionProblem(start + 1, 'the text that begins here has no end; a " is missing');
  return { value, end: at + 1 };
};

const numberOf = (text: string): number | bigint => {
  const value = Number(text);
  return text.includes('.') || Number.isSafeInteger(value) ? value : BigInt(text.replace(/^\+/, ''));
};

/** Ends with a token of the type `end`. Throws a ConditionProblem. */
export const tokensOf = (text: string): readonly Token[] => {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const column = at + 1;
    const blank = match(space, text, at);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    if (text[at] === '"') {
      const { value, end } = stringAt(text, at);
      tokens.push({ type: 'string', text: value, column });
      at = end;
      continue;
    }
    const last = tokens.at(-1);
    const isMember = last?.type === 'word' && text[at] === '.';
    const found = match(word, text, at) ?? (isMember ? null : match(number, text, at)) ?? match(sign, text, at);
    if (found === null) throw new ConditionProblem(column, `${JSON.stringify(text[at])} has no meaning here`);
    const [part] = found;
    if (/^[A-Za-z_]/.test(part)) tokens.push({ type: 'word', text: part, column });
    else if (/[0-9]/.test(part)) tokens.push({ type: 'number', value: numberOf(part), column });
    else tokens.push({ type: 'sign', text: part, column });
    at += part.length;
  }
  tokens.push({ type: 'end', text: '', column: text.length + 1 });
  return tokens;
};
