/** Puts values in the place of variables, as Grafana does for a data source of Prometheus. */

export type Values = Readonly<Record<string, string>>;

/** Of a range of so many seconds and scrapes so far apart. */
export const timeValues = (rangeSeconds: number, rateSeconds: number): Values => ({
  __range: `${rangeSeconds}s`,
  __range_s: String(rangeSeconds),
  __rate_interval: `${rateSeconds}s`,
  __rate_interval_ms: String(rateSeconds * 1000),
});

/** Throws on a variable that has no value. */
export const interpolate = (expression: string, values: Values): string =>
  expression.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced: string | undefined, bare: string | undefined) => {
    const name = braced ?? bare!;
    // of label_replace: the first group of its expression
    if (name === '1') return '$1';
    const value = values[name];
    if (value === undefined) throw new Error(`no value for the variable ${name} in ${expression}`);
    return value;
  });
