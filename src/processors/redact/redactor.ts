/** Finds the secrets of a command line, or of one text. Where they lie, not what stands there instead. */
import { clients } from './clients.ts';
import { markCommand } from './command-rules.ts';
import { createScanner, EDGE, FOUND, type Needle, type Scanner } from './needles.ts';
import { markCookies, markPair, markScheme, markValue, type Mark } from './marks.ts';
import { createNames, plainName, type NameKind, type Names } from './names.ts';
import { hasAwsId, markAwsSecrets } from './shapes.ts';
import { markText } from './text-rules.ts';

/** Starts and ends of what is secret in one text, ascending, apart from each other: `[3, 8, 12, 20]`. Empty: nothing. */
export type Spans = readonly number[];

export type Redactor = {
  readonly scanner: Scanner;
  /** Secrets in the arguments of one command. Texts hold a character a byte; `found` is what `scanner` says of each. */
  inArguments(texts: readonly string[], found: readonly number[], isCut: boolean): readonly Spans[];
  /** Secrets in a text that is no command: what has a known shape, and what stands behind a name that announces it. */
  inText(text: string, found: number): Spans;
  /** Secrets in a text that has a name: what the name announces, and what a text without a name may have. */
  inNamed(name: string, text: string, found: number): Spans;
};

/** What every name that announces a secret has in it. */
const nameParts = [
  'pass', 'pwd', 'secret', 'token', 'key', 'auth', 'cred', 'cookie', 'jwt', 'sig', 'bearer', 'identified', '_pat', '-pat', 'psw', '-pw', '_pw', 'psk', 'proxyuser', 'proxy-user', 'sonar.login', 'art-api', `?code${EDGE}`, `${EDGE}code${EDGE}`, EDGE + 'pw' + EDGE,
]; // prettier-ignore
const keyShapes = [
  'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_', 'glpat-', 'gldt-', 'glrt-', 'glcbt-', 'glptt-', 'glft-', 'glimt-', 'glagent-', 'gloas-', 'xox', 'xapp-', 'aiza',
  'ya29.', 'gocspx-', 'sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'pk_live_', 'pk_test_', 'sk-', 'npm_', 'hf_', 'dop_v1_', 'doo_v1_', 'dapi', 'shpat_', 'shpss_', 'shpca_',
  'dckr_pat_', 'pul-', 'sntrys_', 'lin_api_', 'rpa_', 'gsk_', 'tskey-', 'hvs.', 'hvb.', 'hvr.', 'sg.', 'pypi-', 'age-secret-key-', 'akia', 'asia', 'abia', 'acca', 'eyj',
  'hooks.slack.com', 'api.telegram.org', 'api/webhooks'.split('/')[1]!, 'webhookb2',
]; // prettier-ignore

const needlesOf = (keys: readonly string[]): readonly Needle[] => [
  ...nameParts.map((part) => [part, FOUND.name] as const),
  // a further name may be written with any separators, so its longest part is looked for
  ...keys.map((key) => {
    const parts = key.toLowerCase().split(/[^a-z0-9]+/);
    return [parts.toSorted((a, b) => b.length - a.length)[0] ?? plainName(key), FOUND.name] as const;
  }),
  ...['authorization', 'bearer', 'basic'].map((word) => [word, FOUND.scheme] as const),
  ...keyShapes.map((shape) => [shape, FOUND.shape] as const),
  ['-----begin', FOUND.pem],
  ['@', FOUND.at],
  // what it reads may be a secret
  [`${EDGE}sudo${EDGE}`, FOUND.client],
  ...Array.from(clients.keys(), (name) => [EDGE + name + EDGE, FOUND.client] as const),
];

/** Spans in order, those that touch joined. */
export const joinSpans = (pairs: number[]): Spans => {
  if (pairs.length <= 2) return pairs;
  const sorted = Array.from({ length: pairs.length / 2 }, (_, i) => [pairs[2 * i]!, pairs[2 * i + 1]!] as const).toSorted(
    ([a], [b]) => a - b,
  );
  const out: number[] = [];
  for (const [start, end] of sorted) {
    if (out.length > 0 && start <= out.at(-1)!) out[out.length - 1] = Math.max(out.at(-1)!, end);
    else out.push(start, end);
  }
  return out;
};

const NONE: Spans = [];
const markKind: Readonly<Record<NameKind, (text: string, start: number, end: number, mark: Mark) => void>> = {
  secret: markValue,
  pair: markPair,
  scheme: markScheme,
  cookie: markCookies,
};

/** `keys`: names of options, variables and members, beyond the built-in ones, whose values are secret. */
export const createRedactor = (keys: readonly string[] = []): Redactor => {
  const names: Names = createNames(keys);
  const scanner = createScanner(needlesOf(keys));
  return {
    scanner,
    inArguments(texts, found, isCut) {
      const pairs: number[][] = texts.map(() => []);
      const mark = (word: number, start: number, end: number): void => void pairs[word]!.push(start, end);
      markCommand({ texts, found, mark }, { names, scanner, isCut });
      if (texts.some((text, word) => (found[word]! & FOUND.shape) !== 0 && hasAwsId(text))) {
        for (const [word, text] of texts.entries()) markAwsSecrets(text, (start, end) => mark(word, start, end));
      }
      return pairs.map(joinSpans);
    },
    inText(text, found) {
      if (found === 0) return NONE;
      const pairs: number[] = [];
      markText(text, found, { names }, (start, end) => void pairs.push(start, end));
      return joinSpans(pairs);
    },
    inNamed(name, text, found) {
      const kind = names.kindOf(name);
      if (found === 0 && kind === undefined) return NONE;
      const pairs: number[] = [];
      const mark: Mark = (start, end) => void pairs.push(start, end);
      if (kind !== undefined) markKind[kind](text, 0, text.length, mark);
      markText(text, found, { names }, mark);
      return joinSpans(pairs);
    },
  };
};
