import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { fakeRegistry } from './fakes.ts';

const right = `receivers:
  process:
exporters:
  debug:
service:
  pipelines:
    logs:
      receivers: [process]
      exporters: [debug]
`;

const edit = (from: string, to: string, more = ''): string => {
  if (!right.includes(from)) throw new Error(`nothing to edit: ${from}`);
  return right.replace(from, () => to) + more;
};

const environment = { TOKEN: '12345', PORT: '4317', TEXT: 'abc' };

const problemsOf = (text: string): string[] =>
  loadConfig([{ file: 'c.yaml', text }], fakeRegistry, environment).problems.map((problem) =>
    formatProblem(problem).replace(/^c\.yaml:/, ''),
  );

type Wrong = readonly [what: string, text: string, problems: readonly string[]];

/** Each with every problem that is told, at its line and column. */
const table: readonly Wrong[] = [
  ['an empty file', '', ['1:1: the configuration is empty; needed are receivers, exporters and service']],
  ['a file of comments', '# nothing\n', ['1:1: the configuration is empty; needed are receivers, exporters and service']],
  ['a list', '- a\n', ['1:1: expected a map with receivers, exporters and service, found a list']],
  ['a text', 'hello\n', ['1:1: expected a map with receivers, exporters and service, found text']],
  [
    'an unclosed brace',
    'receivers: {process\nexporters: {debug: }\n',
    ['2:1: not valid YAML: Flow map in block collection must be sufficiently indented and end with a }'],
  ],
  ['a tab', 'receivers:\n	process:\n', ['2:1: a tab indents this line; allowed are spaces']],
  ['two documents', `${right}---\na: 1\n`, ['10:1: more than one YAML document; allowed is one, remove the "---" between them']],
  ['wrong indentation', edit('  debug:', '    debug:\n   x: 1'), ['5:4: wrong indentation: this line belongs to nothing above it']],
  ['a wrong escape', edit('[debug]', '["de\\qbug"]'), ['9:22: not an escape of a double-quoted text; write two backslashes for one']],
  [
    'a key twice',
    edit('  debug:\n', '  debug:\n  debug:\n'),
    ['5:3: exporters.debug: this key is written twice; it stands already in line 4'],
  ],
  ['a section twice', `${right}receivers:\n  process:\n`, ['10:1: receivers: this key is written twice; it stands already in line 1']],
  [
    'a misspelt section',
    edit('receivers:\n', 'recievers:\n'),
    [
      '1:1: recievers: unknown key; allowed are receivers, processors, exporters, extensions, service and kernel; did you mean "receivers"?',
    ],
  ],
  [
    'a section that does not exist',
    `${right}connections:\n  health:\n`,
    ['10:1: connections: unknown key; allowed are receivers, processors, exporters, extensions, service and kernel'],
  ],
  [
    'no receivers',
    edit('receivers:\n  process:\n', ''),
    [
      '1:1: receivers: missing; a section "receivers" is needed',
      '6:19: service.pipelines.logs.receivers[0]: receiver "process" is not defined; define it under receivers',
    ],
  ],
  [
    'two sections missing',
    'receivers:\n  process:\n',
    ['1:1: exporters: missing; a section "exporters" is needed', '1:1: service: missing; a section "service" is needed'],
  ],
  [
    'an empty service',
    'receivers:\n  process:\nexporters:\n  debug:\nservice:\n',
    ['5:1: service.pipelines: missing; a section "pipelines" is needed'],
  ],
  [
    'a service that is a list',
    'receivers:\n  process:\nexporters:\n  debug:\nservice: []\n',
    ['5:10: service: expected a map with pipelines, found a list'],
  ],
  [
    'no pipelines',
    'receivers:\n  process:\nexporters:\n  debug:\nservice:\n  pipelines:\n',
    ['6:3: service.pipelines: no pipelines; at least one is needed, for instance logs'],
  ],
  [
    'pipelines that are a list',
    'receivers:\n  process:\nexporters:\n  debug:\nservice:\n  pipelines: [logs]\n',
    ['6:14: service.pipelines: expected a map of pipelines, found a list'],
  ],
  [
    'a misspelt key of the service',
    edit('service:\n', 'service:\n  pipeline:\n'),
    ['6:3: service.pipeline: unknown key; allowed are pipelines, extensions, telemetry and exclude; did you mean "pipelines"?'],
  ],
  [
    'a mistake below a misspelt key',
    edit('service:\n', 'service:\n  telemetri: {logs: {level: loud}}\n'),
    [
      '6:3: service.telemetri: unknown key; allowed are pipelines, extensions, telemetry and exclude; did you mean "telemetry"?',
      '6:29: service.telemetri.logs.level: "loud" is not allowed; allowed is debug, info, warn or error',
    ],
  ],
  [
    'receivers as a list',
    edit('receivers:\n  process:\n', 'receivers: [process]\n'),
    [
      '1:12: receivers: expected a map of receivers, found a list',
      '7:19: service.pipelines.logs.receivers[0]: receiver "process" is not defined; define it under receivers',
    ],
  ],
  [
    'a misspelt component',
    edit('  process:\n', '  proces:\n'),
    ['2:3: receivers.proces: unknown receiver "proces"; allowed is packets or process; did you mean "process"?'],
  ],
  [
    'a component that does not exist',
    edit('  debug:\n', '  kafka:\n'),
    [
      '4:3: exporters.kafka: unknown exporter "kafka"; allowed is debug or otlp_grpc',
      '9:19: service.pipelines.logs.exporters[0]: exporter "debug" is not defined; define it under exporters',
    ],
  ],
  [
    'an id without a name',
    edit('  debug:\n', '  debug/:\n'),
    ['4:3: exporters.debug/: "debug/" is not the id of a component; allowed is type or type/name'],
  ],
  [
    'an id with a space',
    edit('  debug:\n', '  "de bug":\n'),
    [
      '4:3: exporters["de bug"]: "de bug" is not the id of a component; allowed is type or type/name',
      '9:19: service.pipelines.logs.exporters[0]: exporter "debug" is not defined; define it under exporters',
    ],
  ],
  [
    'a misspelt option',
    edit('  debug:\n', '  debug:\n    verbosty: basic\n'),
    ['5:5: exporters.debug.verbosty: unknown key; allowed are verbosity and format; did you mean "verbosity"?'],
  ],
  [
    'two wrong choices',
    edit('  debug:\n', '  debug:\n    verbosity: loud\n    format: jsn\n'),
    [
      '5:16: exporters.debug.verbosity: "loud" is not allowed; allowed is basic, normal or detailed',
      '6:13: exporters.debug.format: "jsn" is not allowed; allowed is text or json; did you mean "json"?',
    ],
  ],
  ['a number for a component', edit('  debug:\n', '  debug: 5\n'), ['4:10: exporters.debug: expected a map, found 5']],
  ['a list for a component', edit('  debug:\n', '  debug: [a]\n'), ['4:10: exporters.debug: expected a map, found a list']],
  [
    'a word for a bool',
    edit('  process:\n', '  process:\n    threads: maybe\n'),
    ['3:14: receivers.process.threads: expected true or false, found "maybe"'],
  ],
  [
    'nested options',
    edit('  process:\n', '  process:\n    args:\n      max_bytes: lots\n      enabld: true\n'),
    [
      '4:18: receivers.process.args.max_bytes: not a size; write a number of bytes or one with a unit, as in 32768, 64KiB or 8MiB',
      '5:7: receivers.process.args.enabld: unknown key; allowed are enabled and max_bytes; did you mean "enabled"?',
    ],
  ],
  [
    'a size out of range',
    edit('  process:\n', '  process: {args: {max_bytes: 5MiB}}\n'),
    ['2:31: receivers.process.args.max_bytes: out of range; allowed is 1B to 1MiB'],
  ],
  [
    'a duration without unit',
    edit('  process:\n', '  process: {interval: 5}\n'),
    ['2:23: receivers.process.interval: not a duration; write it with a unit, as in 50ms, 5s or 1h30m'],
  ],
  [
    'a duration out of range',
    edit('  process:\n', '  process: {interval: 1ms}\n'),
    ['2:23: receivers.process.interval: out of range; allowed is 10ms to 24 days'],
  ],
  [
    'a misspelt entry',
    edit('  process:\n', '  process:\n    events: [exec, frok]\n'),
    ['3:20: receivers.process.events[1]: "frok" is not allowed; allowed is exec, fork or exit; did you mean "fork"?'],
  ],
  [
    'an empty list',
    edit('  process:\n', '  process:\n    events: []\n'),
    ['3:13: receivers.process.events: empty; at least one entry is needed'],
  ],
  [
    'a word for a list',
    edit('  process:\n', '  process:\n    events: exec\n'),
    ['3:13: receivers.process.events: expected a list, found "exec"'],
  ],
  [
    'an empty entry',
    edit('  process:\n', '  process:\n    events:\n      - exec\n      -\n'),
    ['5:8: receivers.process.events[1]: missing; allowed is exec, fork or exit'],
  ],
  ['a missing option', edit('  debug:\n', '  debug:\n  otlp_grpc:\n'), ['5:3: exporters.otlp_grpc.endpoint: missing; expected text']],
  [
    'an option without a value',
    edit('  debug:\n', '  debug:\n  otlp_grpc:\n    endpoint:\n'),
    ['6:5: exporters.otlp_grpc.endpoint: missing; expected text'],
  ],
  [
    'a number for a text',
    edit('  debug:\n', '  debug:\n  otlp_grpc:\n    endpoint: a\n    headers: {x: 5}\n'),
    ['7:18: exporters.otlp_grpc.headers.x: expected text, found 5'],
  ],
  [
    'a number and a size too small',
    edit('  debug:\n', '  debug:\n  otlp_grpc: {endpoint: a, queue: {consumers: 0, bytes: 1}}\n'),
    [
      '5:47: exporters.otlp_grpc.queue.consumers: 0 is too small; allowed is at least 1',
      '5:57: exporters.otlp_grpc.queue.bytes: out of range; allowed is 1KiB or more',
    ],
  ],
  [
    'an empty text and a fraction',
    edit('  debug:\n', '  debug:\n  otlp_grpc: {endpoint: "", queue: {consumers: 1.5}}\n'),
    [
      '5:25: exporters.otlp_grpc.endpoint: empty; at least one character is needed',
      '5:48: exporters.otlp_grpc.queue.consumers: expected a whole number, found 1.5',
    ],
  ],
  [
    'a number too large',
    edit('  debug:\n', '  debug:\n  otlp_grpc: {endpoint: a, queue: {consumers: 65}}\n'),
    ['5:47: exporters.otlp_grpc.queue.consumers: 65 is too large; allowed is at most 64'],
  ],
  [
    'a number for text or list',
    edit('  debug:\n', '  debug:\n', 'processors:\n  resolve_process:\n    kinds: 7\n'),
    ['12:12: processors.resolve_process.kinds: expected all or a list, found 7'],
  ],
  [
    'a misspelt reference',
    edit('[debug]', '[debgu]'),
    ['9:19: service.pipelines.logs.exporters[0]: exporter "debgu" is not defined; allowed is debug; did you mean "debug"?'],
  ],
  [
    'a reference to an unknown name',
    edit('[debug]', '[debug, debug/x]'),
    ['9:26: service.pipelines.logs.exporters[1]: exporter "debug/x" is not defined; allowed is debug; did you mean "debug"?'],
  ],
  [
    'a reference to the wrong section',
    edit('exporters: [debug]', 'exporters: [debug]\n      processors: [debug]'),
    ['10:20: service.pipelines.logs.processors[0]: processor "debug" is not defined; "debug" is defined under exporters'],
  ],
  [
    'a reference to an empty section',
    edit('exporters: [debug]', 'exporters: [debug]\n      processors: [resolve_user]'),
    ['10:20: service.pipelines.logs.processors[0]: processor "resolve_user" is not defined; define it under processors'],
  ],
  [
    'a reference twice',
    edit('[debug]', '[debug, debug]'),
    ['9:26: service.pipelines.logs.exporters[1]: exporter "debug" stands twice in this list; remove one'],
  ],
  ['an empty list of exporters', edit('[debug]', '[]'), ['9:18: service.pipelines.logs.exporters: empty; at least one entry is needed']],
  ['no list of exporters', edit('      exporters: [debug]\n', ''), ['7:5: service.pipelines.logs.exporters: missing; expected a list']],
  [
    'an empty pipeline',
    edit('    logs:\n      receivers: [process]\n      exporters: [debug]\n', '    logs:\n'),
    ['7:5: service.pipelines.logs.receivers: missing; expected a list', '7:5: service.pipelines.logs.exporters: missing; expected a list'],
  ],
  [
    'a misspelt key of a pipeline',
    edit('      exporters', '      exporter'),
    [
      '7:5: service.pipelines.logs.exporters: missing; expected a list',
      '9:7: service.pipelines.logs.exporter: unknown key; allowed are receivers, processors and exporters; did you mean "exporters"?',
    ],
  ],
  [
    'a word for a list of receivers',
    edit('receivers: [process]', 'receivers: process'),
    ['8:18: service.pipelines.logs.receivers: expected a list, found "process"'],
  ],
  ['a number for an id', edit('[debug]', '[5]'), ['9:19: service.pipelines.logs.exporters[0]: expected text, found 5']],
  [
    'a misspelt signal',
    edit('    logs:', '    log:'),
    ['7:5: service.pipelines.log: unknown signal "log"; allowed is logs, metrics or traces; did you mean "logs"?'],
  ],
  [
    'an unknown signal',
    edit('    logs:', '    profiles/a:'),
    ['7:5: service.pipelines.profiles/a: unknown signal "profiles"; allowed is logs, metrics or traces'],
  ],
  [
    'a pipeline without a name',
    edit('    logs:', '    logs/:'),
    [
      '7:5: service.pipelines.logs/: "logs/" is not the id of a pipeline; allowed is logs, metrics or traces, or one of them with a name as in logs/audit',
    ],
  ],
  [
    'a receiver that does not serve the signal',
    edit('    logs:', '    metrics:'),
    ['8:19: service.pipelines.metrics.receivers[0]: receiver "process" does not serve metrics; it serves logs'],
  ],
  [
    'a variable that is not set',
    edit('  debug:\n', '  debug:\n    verbosity: ${env:NOPE}\n'),
    ['5:16: exporters.debug.verbosity: environment variable NOPE is not set; set it, or give a default as in ${env:NOPE:-default}'],
  ],
  [
    'two unset variables in one text',
    edit('  debug:\n', '  debug:\n  otlp_grpc:\n    endpoint: "http://${env:TEXT}:${env:NOPE}/$$x${env:NOPE2}"\n'),
    [
      '6:35: exporters.otlp_grpc.endpoint: environment variable NOPE is not set; set it, or give a default as in ${env:NOPE:-default}',
      '6:50: exporters.otlp_grpc.endpoint: environment variable NOPE2 is not set; set it, or give a default as in ${env:NOPE2:-default}',
    ],
  ],
  [
    'an undefined exporter and a wrong section',
    edit('[debug]', '[debug, otlp]', 'exporters2:\n'),
    [
      '9:26: service.pipelines.logs.exporters[1]: exporter "otlp" is not defined; allowed is debug',
      '10:1: exporters2: unknown key; allowed are receivers, processors, exporters, extensions, service and kernel; did you mean "exporters"?',
    ],
  ],
  [
    'a variable with a wrong value',
    edit('  debug:\n', '  debug:\n    verbosity: ${env:TEXT}\n'),
    ['5:16: exporters.debug.verbosity: the value of ${env:TEXT} is not allowed; allowed is basic, normal or detailed'],
  ],
  [
    'a variable that is no number',
    edit('  debug:\n', '  debug:\n  otlp_grpc: {endpoint: a, queue: {consumers: "${env:TEXT}"}}\n'),
    ['5:47: exporters.otlp_grpc.queue.consumers: expected a number, found the value of ${env:TEXT}'],
  ],
  [
    'an unknown kind of reference',
    edit('  debug:\n', '  debug:\n    verbosity: ${files:/etc/x}\n'),
    ['5:16: exporters.debug.verbosity: unknown kind of reference; allowed are ${env:NAME}, ${NAME} and ${file:PATH}'],
  ],
  [
    'a reference without closing brace',
    edit('  debug:\n', '  debug:\n    verbosity: "${env:X"\n'),
    ['5:17: exporters.debug.verbosity: a "${" without closing brace; write $$ for a dollar sign'],
  ],
  [
    'a wrong name of a variable',
    edit('  debug:\n', '  debug:\n    verbosity: ${env:1X}\n'),
    [
      '5:16: exporters.debug.verbosity: not the name of an environment variable; allowed are letters, digits and _, not beginning with a digit',
    ],
  ],
  [
    'a reference in a reference',
    edit('  debug:\n', '  debug:\n    verbosity: ${env:${TEXT}}\n'),
    ['5:16: exporters.debug.verbosity: references cannot stand inside each other'],
  ],
  [
    'an unknown anchor',
    edit('  debug:\n', '  debug: *d\n'),
    ['4:10: exporters.debug: there is no anchor of this name above this alias; quote the value if "*" belongs to it'],
  ],
  ['a merge of no map', edit('  process:\n', '  process: {<<: 5}\n'), ['2:13: receivers.process: only maps can be merged by "<<"']],
  [
    'five mistakes in the kernel section',
    edit(
      '  debug:\n',
      '  debug:\n',
      'kernel:\n  ring_bytes: 12KiB\n  flush_rows: 0\n  flush_interval: 1\n  root_path: host\n  ringbytes: 5\n',
    ),
    [
      '11:15: kernel.ring_bytes: not a power of two; allowed is for instance 64KiB, 1MiB or 8MiB',
      '12:15: kernel.flush_rows: 0 is too small; allowed is at least 1',
      '13:19: kernel.flush_interval: not a duration; write it with a unit, as in 50ms, 5s or 1h30m',
      '14:14: kernel.root_path: not an absolute path',
      '15:3: kernel.ringbytes: unknown key; allowed are ring_bytes, flush_rows, flush_interval, rung, procfs_interval, trace_context and root_path; did you mean "ring_bytes"?',
    ],
  ],
  ['a kernel section that is a list', edit('  debug:\n', '  debug:\n', 'kernel: []\n'), ['10:9: kernel: expected a map, found a list']],
  [
    'five mistakes in the telemetry',
    edit(
      'service:\n',
      'service:\n  telemetry:\n    logs: {level: trace, encoding: xml}\n    metrics: {level: detailed, address: "here"}\n    resource: {a: 5}\n',
    ),
    [
      '7:19: service.telemetry.logs.level: "trace" is not allowed; allowed is debug, info, warn or error',
      '7:36: service.telemetry.logs.encoding: "xml" is not allowed; allowed is console or json',
      '8:22: service.telemetry.metrics.level: "detailed" is not allowed; allowed is none or normal',
      '8:41: service.telemetry.metrics.address: not an address; allowed is host:port, as in 127.0.0.1:18888 or [::1]:18888',
      '9:19: service.telemetry.resource.a: expected text, found 5',
    ],
  ],
  [
    'a key that is a list',
    edit('  debug:\n', '  debug:\n    ? [a, b]\n    : c\n'),
    ['5:7: exporters.debug: not a key; allowed is text followed by a colon'],
  ],
  [
    'the key __proto__',
    edit('  debug:\n', '  debug:\n    __proto__: {x: 1}\n'),
    ['5:5: exporters.debug.__proto__: unknown key; allowed are verbosity and format'],
  ],
  [
    'a hostile key',
    edit('  debug:\n', '  debug:\n    "a\\e[31m\\nb": 1\n'),
    ['5:5: exporters.debug["a\\u001b[31m\\nb"]: unknown key; allowed are verbosity and format'],
  ],
  [
    'many mistakes at once',
    'recievers:\n  proces:\n    thread: yes\nexporters:\n  debug: {verbosity: 1}\nservice:\n  pipelines:\n    log:\n      receivers: [process]\n      exporters: [dbug]\n',
    [
      '1:1: recievers: unknown key; allowed are receivers, processors, exporters, extensions, service and kernel; did you mean "receivers"?',
      '2:3: recievers.proces: unknown receiver "proces"; allowed is packets or process; did you mean "process"?',
      '5:22: exporters.debug.verbosity: 1 is not allowed; allowed is basic, normal or detailed',
      '8:5: service.pipelines.log: unknown signal "log"; allowed is logs, metrics or traces; did you mean "logs"?',
      '10:19: service.pipelines.log.exporters[0]: exporter "dbug" is not defined; allowed is debug; did you mean "debug"?',
    ],
  ],
];

describe('a wrong configuration', () => {
  it.each(table)('with %s', (_, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
    expect(loadConfig([{ file: 'c.yaml', text }], fakeRegistry, environment).config).toBeUndefined();
  });
});
