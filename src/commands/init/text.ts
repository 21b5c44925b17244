/** The text of a first configuration, with comments that say why each part is there. */
import { literalText } from '../../config/generated.ts';
import type { Runtime } from './discovery.ts';

export type Destination = {
  readonly exporter: 'otlp_http' | 'otlp_grpc';
  readonly endpoint: string;
  /** Plain text to another host: was asked for by http://. */
  readonly insecure: boolean;
  /** One comment: how it was found. */
  readonly why: string;
};

export type Findings = {
  readonly file: string;
  /** Undefined when nothing takes OTLP here. */
  readonly destination: Destination | undefined;
  /** Something on this host speaks OTLP, and refused logs. */
  readonly refused: boolean;
  readonly runtimes: readonly Runtime[];
  /** Comments on the kernel, a line each. */
  readonly kernel: readonly string[];
  readonly rootPath: string;
  /** Types of processors that stand in every pipeline by themselves. */
  readonly implicit: readonly string[];
  /** Extensions and receivers of these types are there to be offered. */
  readonly healthCheck: boolean;
  readonly control: boolean;
  readonly packets: boolean;
};

const comment = (indent: string, lines: readonly string[]): string => lines.map((line) => `${indent}# ${line}\n`).join('');

/** A scalar that is read as this text, whatever is in it. */
const quoted = (text: string): string => {
  const escaped = literalText(text);
  return /^[\w/][\w./:[\]-]*$/.test(escaped) && !escaped.endsWith(':') ? escaped : JSON.stringify(escaped);
};

const exportersOf = ({ destination, refused }: Findings): string => {
  const reason = refused
    ? 'what answers on 127.0.0.1:4317 or 4318 takes no logs, or not without credentials.'
    : 'nothing took OTLP logs on 127.0.0.1:4317 and 4318.';
  if (destination === undefined)
    return `${comment('  ', [`One readable line an event, on the terminal: ${reason}`])}  debug:
${comment('  ', ['For a Collector, write this instead, and name it in the pipeline below:', 'otlp_http:', '  endpoint: http://127.0.0.1:4318'])}`;
  const { exporter, endpoint, insecure, why } = destination;
  return `${comment('  ', [why])}  ${exporter}:
    endpoint: ${quoted(endpoint)}
${insecure ? `${comment('    ', ['Plain text to another host: anybody on the way can read it. Better use https.'])}    tls:\n      insecure: true\n` : ''}${comment(
    '  ',
    ['To see the events on the terminal too, name this in the pipeline below:', 'debug:'],
  )}`;
};

const extensionsOf = ({ healthCheck, control }: Findings): readonly string[] => {
  const health = ['For probes of an orchestrator; name it in service.extensions too:'];
  if (!control) return healthCheck ? [comment('', [...health, 'extensions:', '  health_check:'])] : [];
  const live = [
    'What "ringtail events", "ringtail top" and "ringtail report" ask: root and this user; others with "group:".',
    'Where its socket cannot be had Ringtail runs on without it, and says so; "required: true" refuses the start.',
  ];
  return [
    `extensions:\n${comment('  ', live)}  control:\n    required: false\n${healthCheck ? comment('  ', [...health, 'health_check:']) : ''}`,
  ];
};

const serviceOf = ({ healthCheck, control, packets }: Findings, exporter: string): string =>
  [
    'service:\n',
    control ? '  extensions: [control]\n' : healthCheck ? comment('  ', ['extensions: [health_check]']) : '',
    `  pipelines:
    logs:
      receivers: [process]
      processors: [resolve_container, resolve_process, resolve_user]
      exporters: [${exporter}]\n`,
    packets ? comment('    ', ['metrics:', '  receivers: [packets]', `  exporters: [${exporter}]`]) : '',
  ].join('');

/** YAML that `ringtail validate` has nothing against. */
export const initialText = (findings: Findings): string => {
  const { file, destination, runtimes, kernel, rootPath, implicit, control, packets } = findings;
  const exporter = destination?.exporter ?? 'debug';
  const containers =
    runtimes.length === 0
      ? []
      : [
          `Found here: ${runtimes.map(({ name, place }) => `${name} (${place})`).join(', ')}; names, images and pods are in what they leave on disk.`,
        ];
  return [
    comment('', [
      'Written by "ringtail init" for what it found here. Check changes with:',
      `  ringtail validate --config ${file}`,
      'What may stand here is told by "ringtail components", and key by key by "ringtail schema".',
      ...(control ? ['While it runs, look at it with "ringtail events", "ringtail top" and "ringtail report".'] : []),
    ]),
    ...extensionsOf(findings),
    `receivers:\n${comment('  ', ['Every exec, fork and exit on this host.', ...kernel])}  process:\n${comment('  ', [
      'For each connection the process that owns it, write this too, and name it in the pipeline below:',
      'sockets:',
    ])}${packets ? comment('  ', ['Packets and bytes of each interface, counted in the kernel; with the pipeline of metrics below:', 'packets:']) : ''}`,
    `processors:\n${comment('  ', ['Container or unit of each process.', ...containers])}  resolve_container:\n${comment('  ', [
      'Executable, creation time and cgroup of each process.',
    ])}  resolve_process:\n${comment('  ', ['Names of users.'])}  resolve_user:\n${implicit.length === 0 ? '' : comment('  ', [`Not written here and at work all the same, first in every pipeline: ${implicit.join(', ')}.`])}`,
    `exporters:\n${exportersOf(findings)}`,
    ...(rootPath === '/' ? [] : [`kernel:\n${comment('  ', ["Where the host's root is mounted."])}  root_path: ${quoted(rootPath)}\n`]),
    serviceOf(findings, exporter),
  ].join('\n');
};
