/** Secrets that are known by what they look like, wherever they stand. Linear in the length of the text. */
import { markValue, type Mark } from './marks.ts';
import { isHarmlessValue, looksRandom } from './values.ts';

const shapes: readonly RegExp[] = [
  // GitHub, GitLab, npm, Stripe, Shopify, Hugging Face, DigitalOcean, Databricks, Postman, SendGrid, Twilio, PyPI, Docker, Vault and others
  /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_\w{20,255})/g,
  /(?<![A-Za-z0-9])(?:glpat|gldt|glrt|glcbt|glptt|glft|glimt|glagent|gloas)-[\w-]{16,255}/g,
  /(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,255}/g,
  /(?<![A-Za-z0-9])xapp-[A-Za-z0-9-]{10,255}/g,
  /(?<![A-Za-z0-9])AIza[\w-]{30,255}/g,
  /(?<![A-Za-z0-9])ya29\.[\w-]{20,500}/g,
  /(?<![A-Za-z0-9])GOCSPX-[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,255}/g,
  /(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]{0,255}\d)[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,255}/g,
  /(?<![A-Za-z0-9])(?:hf|dop_v1|doo_v1|dapi|shpat|shpss|shpca|dckr_pat|pul|sntrys|lin_api|rpa|gsk|tskey)[_-](?=[A-Za-z_-]{0,255}\d)[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])(?:hvs|hvb|hvr)\.[\w-]{20,255}/g,
  /(?<![A-Za-z0-9])SG\.[\w-]{16,64}\.[\w-]{16,64}/g,
  /(?<![A-Za-z0-9])pypi-[\w-]{40,500}/g,
  /(?<![A-Za-z0-9])AGE-SECRET-KEY-1[A-Z0-9]{30,255}/g,
  /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  // a JSON web token; its second part may be cut
  /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){1,4}/g,
];
/** What begins like one of the shapes and ends with the text: it was cut off. */
const cutShape =
  /(?<![A-Za-z0-9_-])(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AIza|[sr]k_(?:live|test)_|sk-(?:proj|ant)-|npm_|hvs\.|eyJ|AKIA|ASIA)[\w.-]{4,}$/;
/** Slack and Discord hooks: who knows the address may write. */
const hooks =
  /(?:hooks\.slack\.com\/(?:services|workflows)|discord(?:app)?\.com\/api\/webhooks|webhook\.office\.com\/webhookb2)\/([\w/@-]{8,512})|api\.telegram\.org\/bot(\d{5,12}:[\w-]{10,64})/g;
const awsId = /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,16}/;
const awsSecret = /(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/g;

export const hasAwsId = (text: string): boolean => awsId.test(text);

/** Secret keys of AWS have no shape but their length; beside an id of a key that is enough. */
export const markAwsSecrets = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(awsSecret)) {
    const [value] = match;
    if (/[a-z]/.test(value) && /[A-Z]/.test(value) && /\d|[+/]/.test(value)) mark(match.index, match.index + value.length);
  }
};

export const markShapes = (text: string, isCut: boolean, mark: Mark): void => {
  for (const shape of shapes) for (const match of text.matchAll(shape)) mark(match.index, match.index + match[0].length);
  for (const match of text.matchAll(hooks)) {
    const end = match.index + match[0].length;
    mark(end - (match[1] ?? match[2])!.length, end);
  }
  const cut = isCut ? cutShape.exec(text.slice(-2048)) : null;
  if (cut !== null) mark(text.length - cut[0].length, text.length);
};

const scheme = /(?<![\w-])(?:bearer|basic)(?:[ \t]{1,8}|%20)["']?([A-Za-z0-9._~+/=-]{8,})/gi;

export const markSchemes = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(scheme)) {
    const value = match[1]!;
    if (looksRandom(value) && !isHarmlessValue(value)) mark(match.index + match[0].length - value.length, match.index + match[0].length);
  }
};

const pemBegin = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g;

export const markKeyBlocks = (text: string, mark: Mark): void => {
  pemBegin.lastIndex = 0;
  while (pemBegin.test(text)) {
    const start = pemBegin.lastIndex;
    const end = text.indexOf('-----END', start);
    mark(start, end < 0 ? text.length : end);
    if (end < 0) break;
    pemBegin.lastIndex = end;
  }
};

/** Statements of SQL that set a password, and lines of a netrc file. */
const statements = [
  /\bidentified(?:\s{1,8}with\s{1,8}['"\w]{1,40})?\s{1,8}(?:by|as)\s{1,8}(?:password\s{1,8})?(['"])([^'"]{1,512})/gi,
  /\bpassword(?:\s{1,8}|\s{0,8}\(\s{0,8})(['])([^']{1,512})/gi,
  /\blogin\s{1,8}\S{1,128}\s{1,8}(password)\s{1,8}(\S{1,512})/gi,
];

export const markStatements = (text: string, mark: Mark): void => {
  for (const statement of statements) {
    for (const match of text.matchAll(statement)) {
      const end = match.index + match[0].length;
      markValue(text, end - match[2]!.length, end, mark);
    }
  }
};
