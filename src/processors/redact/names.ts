/** Which names announce a secret: of options, environment variables, headers, members of JSON, keys of connection strings. */

/**
 * What stands behind a name: a `secret`; `pair`, a user and, behind a colon, a secret; `scheme`, the kind of authorisation and what proves
 * it; `cookie`, pairs of a name and a secret.
 */
export type NameKind = 'secret' | 'pair' | 'scheme' | 'cookie';

export type Names = {
  /** What a value behind this name is; undefined for nothing special. */
  kindOf(name: string): NameKind | undefined;
};

/** Longer names are none that anybody gave to a secret. */
export const LONGEST_NAME = 80;
/** Names that are remembered; hosts run the same commands again and again. All are forgotten when it is full. */
const REMEMBERED = 4096;

/** Ends of names, without what separates their words. */
const endings =
  /(?:password|passwd|passphrase|passwort|passcode|passwordhash|passwdhash|secret|secretid|secretstring|secretkeybase|token|jwt|apikey|secretkey|accesskey|privatekey|authkey|accountkey|encryptionkey|encryptkey|decryptionkey|signingkey|masterkey|sharedkey|presharedkey|storagekey|subscriptionkey|licensekey|appkey|pass|masterauth|artapi|sonarlogin|basicauth|proxyuser)$/;
/** Whole last words. */
const lastWords: ReadonlySet<string> = new Set(['pass', 'pwd', 'psw', 'pw', 'bearer', 'pat', 'psk']);
/** They end like a secret and are none: places in a list, names of secrets, parts of language models. */
const harmless =
  /(?:(?:next|nextpage|page|paging|starting|continuation|continue|pagination|sync|resume|cancel|cancellation|max|min|num|per|pad|eos|bos|unk|sep|cls|mask|stop|special|chat|end|start|image|delim|marker|placeholder|csrf)token|(?:pull|pulls|existing|imagepull|tls|from|docker)secret|(?:by|com|over|sur|under|tres|encom|one|two|first|second|multi|single|low|high|band|render|depth|main|pre|post|ask|last|kee|authuser)pass)$/;
/** They ask, or switch something. */
const questions: ReadonlySet<string> = new Set([
  'no', 'without', 'skip', 'ask', 'prompt', 'disable', 'enable', 'allow', 'show', 'hide', 'generate', 'read', 'use', 'require', 'has', 'is', 'print',
]); // prettier-ignore
const pairs: ReadonlySet<string> = new Set([
  'creds',
  'credentials',
  'credential',
  'auth',
  'basicauth',
  'proxyauth',
  'proxyuser',
  'proxycreds',
]);

const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');

/** Without case, separators and leading dashes: what options that name further secrets are compared by. */
export const plainName = (name: string): string => wordsOf(name).join('');

const builtIn = (name: string): NameKind | undefined => {
  const words = wordsOf(name);
  const last = words.at(-1)?.replace(/\d+$/, '');
  if (last === undefined || last === '' || questions.has(words[0]!)) return undefined;
  // the shell's own folder, and the former one
  if (name === 'PWD' || name === 'OLDPWD') return undefined;
  const plain = words.join('').replace(/\d+$/, '');
  if (plain.endsWith('authorization')) return 'scheme';
  if (last === 'cookie') return 'cookie';
  if (harmless.test(plain)) return undefined;
  if (last === 'pat' && words.length === 1) return undefined;
  if (lastWords.has(last) || /^[dp]pass$/.test(plain)) return 'secret';
  if (name.startsWith('_auth') && words.length === 1) return 'secret';
  if (pairs.has(last) || pairs.has(plain)) return 'pair';
  return endings.test(plain) ? 'secret' : undefined;
};

/** `extra`: names that the configuration adds. */
export const createNames = (extra: readonly string[]): Names => {
  const added = new Set(extra.map(plainName));
  const known = new Map<string, NameKind | 'none'>();
  return {
    kindOf(name) {
      if (name.length > LONGEST_NAME) return undefined;
      const remembered = known.get(name);
      if (remembered !== undefined) return remembered === 'none' ? undefined : remembered;
      const kind = added.has(plainName(name)) ? 'secret' : builtIn(name);
      if (known.size >= REMEMBERED) known.clear();
      known.set(name, kind ?? 'none');
      return kind;
    },
  };
};
