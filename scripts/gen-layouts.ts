/**
 * Generates src/kernel/layouts.gen.ts from the BTF that clang emits for bpf/events.h.
 *
 * usage: gen-layouts.ts [--check]     --check compares and exits 1 when the committed file is stale
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

type BtfMember = { readonly name: string; readonly type_id: number; readonly bits_offset: number };
type BtfType = {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly nr_elems?: number;
  readonly encoding?: string;
  readonly members?: readonly BtfMember[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
};
type Field = {
  readonly name: string;
  readonly offset: number;
  readonly width: number;
  readonly role: 'number' | 'text' | 'list' | 'chars';
};

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'src/kernel/layouts.gen.ts');

/** Keys and values of maps that user space writes or reads. */
const mapStructs = [
  'trace_context',
  'context_head',
  'process_count_key',
  'process_count',
  'alive_count',
  'call_settings',
  'call_count_key',
  'call_count',
  'call_name_key',
  'call_name',
  'io_total_key',
  'io_total',
  'rule_text_key',
  'rule_comm_key',
  'rule_peer_key',
  'rule_value_key',
  'rule_text',
  'rule_value',
  'rule_stage',
  'rule_class',
  'rule_set',
  'session',
  'session_shown',
  'socket_holder',
  'flow_key',
  'session_settings',
  'session_rule',
  'session_rule_set',
  'packet_key',
  'packet_count',
  'packet_slot',
  'packet_place',
  'session_count_key',
  'session_count',
  'session_live',
  'session_rest',
];

const camel = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const clang = (): string => {
  for (const candidate of ['clang-19', 'clang-18', 'clang-17', 'clang-16', 'clang-15', 'clang-14', 'clang']) {
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore' });
      return candidate;
    } catch {
      continue;
    }
  }
  throw new Error('no clang found: run the set-up (npm run build) first');
};

const readBtf = (): readonly BtfType[] => {
  const work = mkdtempSync(join(tmpdir(), 'ringtail-layouts-'));
  try {
    const object = join(work, 'layouts.o');
    const include = [`-I${join(root, 'build')}`, `-I${join(root, 'bpf')}`];
    execFileSync(clang(), ['-g', '-O2', '-target', 'bpf', ...include, '-c', join(root, 'bpf/layouts.bpf.c'), '-o', object]);
    const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
    const json = execFileSync('bpftool', ['btf', 'dump', 'file', object, '-j'], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { ...process.env, PATH: path },
    });
    return (JSON.parse(json) as { types: readonly BtfType[] }).types;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};

const generate = (types: readonly BtfType[]): string => {
  const byId = new Map(types.map((type) => [type.id, type]));
  const find = (kind: string, name: string) => {
    const type = types.find((candidate) => candidate.kind === kind && candidate.name === name);
    if (type === undefined) throw new Error(`bpf/events.h: ${kind.toLowerCase()} ${name} is not in the BTF`);
    return type;
  };
  const fieldOf = (member: BtfMember, owner: string): Field => {
    let type = byId.get(member.type_id)!;
    let role: Field['role'] = 'number';
    while (type.kind === 'TYPEDEF' || type.kind === 'CONST' || type.kind === 'VOLATILE') {
      if (type.name === 'text_len') role = 'text';
      if (type.name === 'list_len') role = 'list';
      type = byId.get(type.type_id!)!;
    }
    const offset = member.bits_offset / 8;
    if (type.kind === 'ARRAY') return { name: member.name, offset, width: type.nr_elems!, role: 'chars' };
    if (type.kind !== 'INT' && type.kind !== 'ENUM')
      throw new Error(`bpf/events.h: ${owner}.${member.name} is neither a number nor characters`);
    if (![1, 2, 4, 8].includes(type.size!)) throw new Error(`bpf/events.h: ${owner}.${member.name} has ${type.size} bytes`);
    return { name: member.name, offset, width: type.size!, role };
  };
  const fieldsOf = (struct: BtfType) =>
    struct
      .members!.filter((member) => member.name !== 'head' && !member.name.startsWith('pad'))
      .map((member) => fieldOf(member, struct.name));

  const columnName = (field: Field) => camel(field.role === 'text' || field.role === 'list' ? field.name.replace(/_len$/, '') : field.name);
  const columnsOf = (field: Field): readonly string[] => {
    const name = columnName(field);
    if (field.role === 'list') return [name, `${name}Kept`];
    return field.role === 'number' && field.width === 8 ? [`${name}Lo`, `${name}Hi`] : [name];
  };
  const literal = (fields: readonly Field[]) =>
    fields
      .map((field) => `      { name: '${columnName(field)}', offset: ${field.offset}, width: ${field.width}, role: '${field.role}' },`)
      .join('\n');

  const kinds = find('ENUM', 'event_kind').values!.filter(({ name }) => name !== 'EVENT_NONE' && name !== 'EVENT_KINDS');
  const kindName = (name: string) => camel(name.replace(/^EVENT_/, '').toLowerCase());
  const out: string[] = [
    '// Generated by scripts/gen-layouts.ts from the BTF of bpf/events.h. Do not edit.',
    '',
    "import type { Column } from '../core/batch.ts';",
    '',
    'export type FieldRole = ' + ["'number'", "'text'", "'list'", "'chars'"].join(' | ') + ';',
    'export type FieldLayout = { readonly name: string; readonly offset: number; readonly width: number; readonly role: FieldRole };',
    'export type EventLayout = { readonly kind: number; readonly size: number; readonly fields: readonly FieldLayout[] };',
    '',
    '/** `enum event_kind`. */',
    'export const eventKind = {',
    ...kinds.map(({ name, val }) => `  ${kindName(name)}: ${val},`),
    '} as const;',
    `export const EVENT_KINDS = ${find('ENUM', 'event_kind').values!.find(({ name }) => name === 'EVENT_KINDS')!.val};`,
  ];
  for (const name of ['head_flags', 'path_flags', 'exec_flags', 'fork_flags', 'excluded_flags']) {
    out.push('', `/** \`enum ${name}\`. */`, `export const ${camel(name.replace(/s$/, ''))} = {`);
    const prefix = `${name.replace(/_flags$/, '').toUpperCase()}_`;
    for (const value of find('ENUM', name).values!) {
      out.push(`  ${camel(value.name.replace(prefix, '').toLowerCase())}: ${value.val},`);
    }
    out.push('} as const;');
  }
  for (const [name, prefix] of [
    ['call_id', 'CALL_'],
    ['call_flags', 'CALL_'],
    ['call_want', 'CALL_WANT_'],
    ['process_want', 'PROCESS_WANT_'],
    ['limit_per', 'LIMIT_'],
    ['rule_field', 'RULE_'],
    ['rule_looks', 'RULE_LOOKS_'],
    ['file_kind', 'FILE_'],
    ['net_transport', 'NET_'],
    ['net_flags', 'NET_'],
    ['session_role', 'ROLE_'],
    ['session_known_by', 'KNOWN_'],
    ['session_flags', 'SESSION_'],
    ['session_state', 'STATE_'],
    ['session_want', 'SESSION_WANT_'],
    ['session_rule_flags', 'SESSION_RULE_'],
    ['session_stat', 'SESSION_'],
    ['session_duration', 'DURATION_'],
    ['packet_family', 'PACKET_'],
    ['packet_transport', 'PACKET_'],
  ] as const) {
    out.push('', `/** \`enum ${name}\`. */`, `export const ${camel(name.replace(/s$/, ''))} = {`);
    for (const value of find('ENUM', name).values!) out.push(`  ${camel(value.name.replace(prefix, '').toLowerCase())}: ${value.val},`);
    out.push('} as const;');
  }
  out.push(
    '',
    '/** Keys and values of maps: the offset of each member, and `size` of the whole, in bytes. */',
    'export const mapLayout = {',
  );
  for (const name of mapStructs) {
    const struct = find('STRUCT', name);
    const offsets = struct.members!.map((member) => `${camel(member.name)}: ${member.bits_offset / 8}`);
    out.push(`  ${camel(name)}: { size: ${struct.size}, ${offsets.join(', ')} },`);
  }
  out.push('} as const;');
  const counters = find('STRUCT', 'event_counters').members!.map((member) => camel(member.name));
  out.push(
    '',
    '/** `struct event_counters`: u64 each, in this order. */',
    `export const counterNames = [${counters.map((name) => `'${name}'`).join(', ')}] as const;`,
  );
  const actor = find('STRUCT', 'event_actor');
  out.push('', `/** Bytes of \`struct event_head\`. */`, `export const HEAD_SIZE = ${find('STRUCT', 'event_head').size};`);
  out.push(`export const ACTOR_OFFSET = ${find('STRUCT', 'event_head').members!.find(({ name }) => name === 'actor')!.bits_offset / 8};`);
  out.push(
    '',
    '/** `struct event_actor`. */',
    'export const actorLayout: { readonly size: number; readonly fields: readonly FieldLayout[] } = {',
  );
  out.push(`  size: ${actor.size},`, '  fields: [', literal(fieldsOf(actor)).replace(/^ {6}/gm, '    '), '  ],', '};');
  out.push('', '/** One a kind; `offset` counts from the start of the record. */', 'export const eventLayouts = {');
  const columnTypes: string[] = [];
  for (const { name, val } of kinds) {
    const kind = kindName(name);
    const struct = find('STRUCT', `${name.replace(/^EVENT_/, '').toLowerCase()}_event`);
    const fields = fieldsOf(struct);
    out.push(`  ${kind}: {`, `    kind: ${val},`, `    size: ${struct.size},`, '    fields: [', literal(fields), '    ],', '  },');
    const columns = fields.flatMap(columnsOf);
    const typeName = `${kind[0]!.toUpperCase()}${kind.slice(1)}Columns`;
    columnTypes.push('', `export type ${typeName} = {`, ...columns.map((column) => `  readonly ${column}: Column;`), '};');
  }
  out.push('} as const satisfies Record<string, EventLayout>;', ...columnTypes, '');
  return out.join('\n');
};

const text = generate(readBtf());
if (process.argv.includes('--check')) {
  let committed = '';
  try {
    committed = readFileSync(target, 'utf8');
  } catch {
    committed = '';
  }
  if (committed !== text) {
    console.error('src/kernel/layouts.gen.ts is stale: run scripts/gen-layouts.ts and commit it');
    process.exitCode = 1;
  }
} else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
