/** Reads the text exposition format of Prometheus, version 0.0.4, as far as counters and gauges need it. */
import type { Sample } from './ledger.ts';

const escapes: Readonly<Record<string, string>> = { n: '\n', '\\': '\\', '"': '"' };
const samplePattern = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?$/;
const labelPattern = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"\s*(?:,\s*|$)/gy;

const labelsOf = (text: string): Record<string, string> | undefined => {
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  let end = 0;
  for (let match = labelPattern.exec(text); match !== null; match = labelPattern.exec(text)) {
    labels[match[1]!] = match[2]!.replace(/\\(.)/g, (_, character: string) => escapes[character] ?? character);
    end = labelPattern.lastIndex;
  }
  return end === text.length ? labels : undefined;
};

/** Samples with the names that they have inside Ringtail: without `_total`. Lines that are no samples are left out. */
export const parsePrometheusText = (text: string): readonly Sample[] =>
  text.split('\n').flatMap((line): Sample[] => {
    if (line.startsWith('#')) return [];
    const match = samplePattern.exec(line);
    if (match === null) return [];
    const labels = labelsOf(match[2] ?? '');
    const value = Number(match[3]!.replace('Inf', 'Infinity'));
    return labels === undefined ? [] : [{ name: match[1]!.replace(/_total$/, ''), labels, value }];
  });
