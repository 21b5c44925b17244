/** What a scraper wants of what there is: the format of the page, and whether it is compressed. */
import type { PageFormat } from './page.ts';

export type Wanted = { readonly format: PageFormat; readonly contentType: string };

type Clause = { readonly value: string; readonly parameters: ReadonlyMap<string, string>; readonly q: number };

const TEXT: Wanted = { format: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' };
const openMetrics = (version: string): Wanted => ({
  format: 'openmetrics',
  contentType: `application/openmetrics-text; version=${version}; charset=utf-8`,
});

/** Most that is looked at; scrapers send about six. */
const MAX_CLAUSES = 32;

/** The clauses of a header, the dearest first; what is refused by `q=0` is left out. */
const clausesOf = (header: string): readonly Clause[] =>
  header
    .split(',', MAX_CLAUSES)
    .map((clause): Clause => {
      const [value = '', ...rest] = clause.split(';').map((part) => part.trim().toLowerCase());
      const parameters = new Map(
        rest.map((part) => {
          const at = part.indexOf('=');
          return [part.slice(0, Math.max(0, at)).trim(), part.slice(at + 1).trim().replace(/^"(.*)"$/, '$1')] as const;
        }),
      ); // prettier-ignore
      const q = Number(parameters.get('q') ?? 1);
      return { value, parameters, q: Number.isNaN(q) ? 0 : q };
    })
    .filter(({ q }) => q > 0)
    .toSorted((a, b) => b.q - a.q);

/** As Prometheus' own servers choose: what is not asked for by its version is text. */
export const wantedFormat = (accept: string | undefined, hasOpenMetrics: boolean): Wanted => {
  for (const { value, parameters } of clausesOf(accept ?? '')) {
    const version = parameters.get('version');
    if (hasOpenMetrics && value === 'application/openmetrics-text') {
      if (version === undefined || version === '0.0.1') return openMetrics('0.0.1');
      if (version === '1.0.0') return openMetrics(version);
    }
    if (value === 'text/plain' && (version === undefined || version === '0.0.4')) return TEXT;
  }
  return TEXT;
};

export const wantsGzip = (acceptEncoding: string | undefined): boolean => {
  const clauses = clausesOf(acceptEncoding ?? '');
  return clauses.some(({ value }) => value === 'gzip');
};
