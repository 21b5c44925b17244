/** HTML without scripts. Every text is escaped where it enters; what is markup already says so by its type. */

export type Html = { readonly html: string };

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for a place between tags or in a quoted attribute. Controls, which HTML cannot hold, become U+FFFD. */
export const escapeHtml = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- they are what is meant
  text.replace(/[&<>"']/g, (character) => entities[character]!).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, '\ufffd');

type Part = string | number | Html | undefined | readonly Part[];

const render = (part: Part): string => {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return part.toLocaleString('en-US', { maximumFractionDigits: 3 });
  return 'html' in part ? part.html : part.map(render).join('');
};

/** A template whose values are escaped, but for those that are markup. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  html: strings.reduce((out, piece, index) => out + render(parts[index - 1]) + piece),
});

/** Numbers stand to the right. */
export const table = (titles: readonly string[], rows: readonly (readonly Part[])[], emptyText: string): Html =>
  rows.length === 0
    ? html`<p class="none">${emptyText}</p>`
    : html`<div class="scroll"><table><thead><tr>${titles.map((title, column) => html`<th${numeric(rows[0]![column])}>${title}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td${numeric(cell)}>${cell}</td>`)}</tr>
`)}</tbody></table></div>`; // prettier-ignore

const numeric = (cell: Part): Html => ({ html: typeof cell === 'number' ? ' class="number"' : '' });

const style = `
:root { color-scheme: light dark; --ink: #1d2433; --dim: #667085; --line: #dfe3ea; --paper: #ffffff; --ground: #f5f6f9; --link: #1558b0;
  --ok: #12703c; --okb: #e0f4e8; --warn: #8a5300; --warnb: #fdf0d5; --bad: #a3182a; --badb: #fde4e7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8f0; --dim: #98a2b3; --line: #323a49; --paper: #1b212c; --ground: #12161e; --link: #8ab8ff;
  --ok: #7fdca6; --okb: #14361f; --warn: #f2c46d; --warnb: #3b2b0c; --bad: #ff9aa6; --badb: #431620; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); }
header { background: var(--paper); border-bottom: 1px solid var(--line); padding: 0 24px; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 20px; }
header b { font-size: 16px; padding: 14px 8px 14px 0; }
nav { display: flex; flex-wrap: wrap; gap: 2px; }
nav a { padding: 14px 12px 12px; color: var(--dim); text-decoration: none; border-bottom: 2px solid transparent; }
nav a:hover { color: var(--ink); }
nav a[aria-current] { color: var(--ink); border-color: var(--link); font-weight: 600; }
main { max-width: 1200px; margin: 0 auto; padding: 24px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 10px; }
p.about, p.none { color: var(--dim); margin: 0 0 16px; }
.scroll { overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 8px 14px; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
th { color: var(--dim); font-weight: 600; font-size: 13px; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 16px; margin: 0; overflow-x: auto; font: 13px/1.55 ui-monospace, monospace; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.mark { display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 13px; font-weight: 600; white-space: nowrap; }
.ok { color: var(--ok); background: var(--okb); } .recoverable { color: var(--warn); background: var(--warnb); } .failed { color: var(--bad); background: var(--badb); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 8px 24px; margin: 0; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 16px; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.flow { color: var(--dim); padding: 0 4px; }
`;

export type Page = { readonly path: string; readonly title: string; readonly about: string; readonly body: Html };

export const document = ({ path, title, about, body }: Page, menu: readonly { readonly path: string; readonly title: string }[]): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title} · Ringtail</title>
<style>${{ html: style }}</style></head>
<body><header><b>Ringtail</b><nav>${menu.map((entry) => html`<a href="${entry.path}"${{ html: entry.path === path ? ' aria-current="page"' : '' }}>${entry.title}</a>`)}</nav></header>
<main><h1>${title}</h1><p class="about">${about}</p>
${body}</main></body></html>
`.html; // prettier-ignore

/** A coloured word; `kind` chooses the colour. */
export const mark = (kind: 'ok' | 'recoverable' | 'failed', word: string): Html => html`<span class="mark ${kind}">${word}</span>`;
