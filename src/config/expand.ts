/**
 * References inside a scalar, in the grammar of the OpenTelemetry Collector: `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`
 * (the same as env), `${file:PATH}` and `$$` for a dollar sign. They are expanded on parsed scalars, never on the text of the file, so
 * that a value cannot change the structure. An expanded value is not expanded again.
 */
import { resolve } from 'node:path';
import { readReferencedFile, type ReadText } from './read-file.ts';

/** `reference`: what stands in the file, to find its place. Messages hold nothing that may be a secret: not what is no reference after all. */
export type ReferenceProblem = { readonly reference: string; readonly message: string };

export type Expanded = {
  readonly text: string;
  /** The one reference that the whole scalar is, when it is one: its text may then stand for a number, true, false or nothing. */
  readonly whole: string | undefined;
  /** Pieces that came from outside: keep them out of messages. */
  readonly outside: readonly string[];
  readonly problems: readonly ReferenceProblem[];
};

/** Gives the text of a reference without its scheme, or says what is wrong with it. */
type Scheme = (rest: string) => ReadText;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Of one scalar. */
const MOST_PROBLEMS = 20;

export type Expander = (text: string) => Expanded;

/** All that the references of one source may give together: far more than secrets and certificates need. */
const MAX_OUTSIDE_CHARACTERS = 4 * 2 ** 20;

const environmentScheme =
  (environment: Environment): Scheme =>
  (rest) => {
    const split = rest.indexOf(':-');
    const name = split === -1 ? rest : rest.slice(0, split);
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      return { message: 'not the name of an environment variable; allowed are letters, digits and _, not beginning with a digit' };
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value !== undefined && (value !== '' || split === -1)) return { text: value };
    if (split !== -1) return { text: rest.slice(split + 2) };
    return { message: `environment variable ${name} is not set; set it, or give a default as in \${env:${name}:-default}` };
  };

const fileScheme =
  (folder: string, onFile: (path: string) => void): Scheme =>
  (path) => {
    if (path === '' || path.includes('\0')) return { message: 'no path; allowed is ${file:PATH}' };
    onFile(resolve(folder, path));
    const read = readReferencedFile(resolve(folder, path));
    return 'text' in read ? { text: read.text.replace(/\r?\n$/, '') } : { message: `cannot read the file ${path}: ${read.message}` };
  };

const resolveReference = (body: string, schemes: ReadonlyMap<string, Scheme>): ReadText => {
  if (body.includes('${')) return { message: 'references cannot stand inside each other' };
  const scheme = /^([a-z][a-z0-9+.-]*):(?!-)(.*)$/s.exec(body);
  if (scheme === null) return schemes.get('env')!(body);
  const read = schemes.get(scheme[1]!);
  if (read === undefined) return { message: 'unknown kind of reference; allowed are ${env:NAME}, ${NAME} and ${file:PATH}' };
  return read(scheme[2]!);
};

/** Expands the references of scalars. `folder` is where relative paths begin. */
export const createExpander = (environment: Environment, folder: string, onFile: (path: string) => void = () => {}): Expander => {
  const schemes = new Map([
    ['env', environmentScheme(environment)],
    ['file', fileScheme(folder, onFile)],
  ]);
  let left = MAX_OUTSIDE_CHARACTERS;
  const budgeted = (result: ReadText): ReadText => {
    if ('message' in result || (left -= result.text.length) >= 0) return result;
    return { message: `the references of this source give more than ${MAX_OUTSIDE_CHARACTERS} characters` };
  };
  return (text) => {
    const problems: ReferenceProblem[] = [];
    const outside: string[] = [];
    let out = '';
    let whole: string | undefined;
    for (let at = 0; at < text.length;) {
      const dollar = text.indexOf('$', at);
      if (dollar === -1) {
        out += text.slice(at);
        break;
      }
      out += text.slice(at, dollar);
      if (text[dollar + 1] === '$') {
        out += '$';
        at = dollar + 2;
      } else if (text[dollar + 1] === '{') {
        const end = text.indexOf('}', dollar);
        const reference = end === -1 ? text.slice(dollar) : text.slice(dollar, end + 1);
        const result: ReadText =
          end === -1
            ? { message: 'a "${" without closing brace; write $$ for a dollar sign' }
            : left < 0
              ? budgeted({ text: '' })
              : budgeted(resolveReference(text.slice(dollar + 2, end), schemes));
        if ('message' in result) {
          problems.push({ reference, message: result.message });
          if (left < 0 || problems.length >= MOST_PROBLEMS) break;
        } else {
          out += result.text;
          outside.push(result.text);
          if (reference === text) whole = reference;
        }
        at = dollar + reference.length;
      } else {
        out += '$';
        at = dollar + 1;
      }
    }
    return { text: out, whole, outside, problems };
  };
};
