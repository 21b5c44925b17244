/**
 * References inside a scalar, in the grammar of the OpenTelemetry Collector: `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`
 * (the same as env) and `$$` for a dollar sign. They are expanded on parsed scalars, never on the text of the file, so that a
 * value cannot change the structure. An expanded value is not expanded again.
 */

export type ReferenceProblem = { readonly reference: string; readonly message: string };

export type Expanded = {
  readonly text: string;
  /** The one reference that the whole scalar is, when it is one: its text may then stand for a number, true, false or nothing. */
  readonly whole: string | undefined;
  /** Something came from outside: keep it out of messages. */
  readonly replaced: boolean;
  readonly problems: readonly ReferenceProblem[];
};

/** Gives the text of a reference without its scheme, or says what is wrong with it. */
type Scheme = (rest: string) => { readonly text: string } | { readonly message: string };

export type Environment = Readonly<Record<string, string | undefined>>;

const environmentScheme =
  (environment: Environment): Scheme =>
  (rest) => {
    const split = rest.indexOf(':-');
    const name = split === -1 ? rest : rest.slice(0, split);
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      return {
        message: `"${name}" is not a name of an environment variable; allowed are letters, digits and _, not beginning with a digit`,
      };
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value !== undefined && (value !== '' || split === -1)) return { text: value };
    if (split !== -1) return { text: rest.slice(split + 2) };
    return { message: `environment variable ${name} is not set; set it, or give a default as in \${env:${name}:-default}` };
  };

const resolve = (body: string, schemes: ReadonlyMap<string, Scheme>): ReturnType<Scheme> => {
  if (body.includes('${')) return { message: 'references cannot stand inside each other' };
  const scheme = /^([a-z][a-z0-9+.-]*):(?!-)(.*)$/s.exec(body);
  if (scheme === null) return schemes.get('env')!(body);
  const read = schemes.get(scheme[1]!);
  if (read === undefined) return { message: `references of the kind "${scheme[1]}" are not known; allowed is \${env:NAME}` };
  return read(scheme[2]!);
};

/** Expands the references of one scalar. */
export const expandReferences = (text: string, environment: Environment): Expanded => {
  if (!text.includes('$')) return { text, whole: undefined, replaced: false, problems: [] };
  const schemes = new Map([['env', environmentScheme(environment)]]);
  const problems: ReferenceProblem[] = [];
  let out = '';
  let replaced = false;
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
      const result =
        end === -1
          ? { message: `"${reference}" has no closing brace; write $$ for a dollar sign` }
          : resolve(text.slice(dollar + 2, end), schemes);
      if ('message' in result) problems.push({ reference, message: result.message });
      else {
        out += result.text;
        replaced = true;
        if (reference === text) whole = reference;
      }
      at = dollar + reference.length;
    } else {
      out += '$';
      at = dollar + 1;
    }
  }
  return { text: out, whole, replaced, problems };
};
