/**
 * Holds the direction of imports in src/: each part imports only what lies below it, siblings never import each other, nothing goes in circles,
 * only src/kernel/ loads the addon, and every package is a dependency of the product.
 *
 * usage: check-imports.mjs     exit code 1 when something is broken, a line each
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { runMain } from './lib/errors.mjs';
import { inRoot } from './lib/paths.mjs';
import { filesIn } from './lib/stamp.mjs';

const componentParts = ['receivers', 'processors', 'exporters', 'extensions'];
const common = ['live', 'kernel', 'text', 'otlp', 'core'];

/** What each part of src/ may import beside itself. @type {Readonly<Record<string, readonly string[]>>} */
const below = {
  core: [],
  config: ['core'],
  otlp: ['core'],
  text: ['otlp', 'core'],
  kernel: ['otlp', 'core'],
  live: ['kernel', 'text', 'otlp', 'core'],
  ...Object.fromEntries(componentParts.map((part) => [part, common])),
  components: [...componentParts, ...common],
  service: ['components', 'config', ...common],
  commands: ['service', 'components', 'config', ...common],
  main: ['commands', 'service', 'components', 'config', ...common],
};

/** The part that a file of src/ belongs to: its first folder, or its own name at the top. @param {string} file relative to src/ */
const partOf = (file) => (file.split('/')[0] ?? '').replace(/\.ts$/, '');

/** The component that a file belongs to, `shared` being open to all of its kind. @param {string} file */
const componentOf = (file) => {
  const [part = '', name = '', ...rest] = file.split('/');
  return componentParts.includes(part) && rest.length > 0 && name !== 'shared' ? `${part}/${name}` : undefined;
};

const withoutComments = /** @param {string} text */ (text) => text.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** @param {string} text @returns {string[]} */
export const importsIn = (text) =>
  [...withoutComments(text).matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])([^'"\s]+)\1/gm)].map(
    (match) => /** @type {string} */ (match[2]),
  );

/**
 * @param {ReadonlyMap<string, string>} sources text by path relative to src/
 * @param {ReadonlySet<string>} packages names that the product may import
 * @returns {string[]} what is wrong
 */
export const importProblems = (sources, packages) => {
  /** @type {string[]} */
  const problems = [];
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const [file, text] of sources) {
    /** @type {string[]} */
    const local = [];
    for (const specifier of importsIn(text)) {
      if (!specifier.startsWith('.')) {
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/');
        if (!specifier.startsWith('node:') && !packages.has(name))
          problems.push(`${file}: ${name} is not among the dependencies in package.json`);
        if (builtinModules.includes(name)) problems.push(`${file}: write node:${name}`);
        continue;
      }
      const target = join(dirname(file), specifier);
      local.push(target);
      const [from, to] = [partOf(file), partOf(target)];
      if (target.startsWith('..')) problems.push(`${file}: ${specifier} lies outside of src/`);
      else if (from !== to && !below[from]?.includes(to)) problems.push(`${file}: ${from} may not import ${to} (${specifier})`);
      const [ours, theirs] = [componentOf(file), componentOf(target)];
      if (theirs !== undefined && partOf(file) === partOf(target) && ours !== theirs)
        problems.push(`${file}: ${ours ?? 'shared code'} may not import its sibling ${theirs}`);
      if (from === 'components' && theirs !== undefined && !target.endsWith('/index.ts'))
        problems.push(`${file}: the registry imports index.ts only, not ${target}`);
    }
    graph.set(file, local);
    if (partOf(file) !== 'kernel' && /\.node['"`]|\bdlopen\(/.test(withoutComments(text)))
      problems.push(`${file}: only src/kernel/ loads the addon`);
  }
  return [...problems, ...circles(graph)];
};

/** @param {ReadonlyMap<string, readonly string[]>} graph @returns {string[]} */
const circles = (graph) => {
  /** @type {Map<string, 'open' | 'done'>} */
  const state = new Map();
  /** @type {string[]} */
  const path = [];
  /** @type {string[]} */
  const found = [];
  /** @param {string} file */
  const visit = (file) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      found.push(`imports go in a circle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`);
      return;
    }
    state.set(file, 'open');
    path.push(file);
    for (const next of graph.get(file) ?? []) if (graph.has(next)) visit(next);
    path.pop();
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file);
  return found;
};

if (existsSync(process.argv[1] ?? '') && realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const src = inRoot('src');
    const sources = new Map(filesIn(src, ['.ts']).map((path) => [relative(src, path), readFileSync(path, 'utf8')]));
    const { dependencies } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
    const problems = importProblems(sources, new Set(Object.keys(dependencies)));
    for (const problem of problems) process.stdout.write(`${problem}\n`);
    return problems.length === 0 ? 0 : 1;
  });
}
