/** What a configuration needs of the host, held against this one: the place of each problem is that of the option to change. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { components } from '../../src/components.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { duration } from '../../src/core/config-types.ts';
import type { ExporterFactory } from '../../src/core/component.ts';
import type { ProbeCheck, ProbeReport } from '../../src/kernel/probe.ts';
import { certificatesProblem } from '../../src/commands/host/probes.ts';
import { listeningInodes } from '../../src/kernel/procfs/listener.ts';
import { createWorld } from '../service/fakes.ts';
import { createCli, fullProbe } from './fakes.ts';

let folder = '';
const at = (name: string) => path.join(folder, name);
let taken: Server;
let port = 0;

const openssl = (...argv: string[]) => execFileSync('openssl', argv, { cwd: folder, stdio: 'pipe' });

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'ringtail-host-'));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=here'];
  openssl('req', '-x509', ...curve, '-days', '30', '-keyout', 'key.pem', '-out', 'cert.pem');
  openssl('req', '-x509', ...curve, '-days', '30', '-keyout', 'other-key.pem', '-out', 'other-cert.pem');
  writeFileSync(at('text.pem'), 'nothing of the kind\n');
  writeFileSync(at('broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  writeFileSync(at('words'), 'words\n');
  writeFileSync(at('huge.pem'), Buffer.alloc(4 * 2 ** 20 + 1));
  mkdirSync(at('there'));
  execFileSync('mkfifo', [at('pipe')]);
  symlinkSync(at('round'), at('round'));
  taken = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  taken.listen(0, '127.0.0.1', resolve);
  await promise;
  ({ port } = taken.address() as AddressInfo);
});
afterAll(() => {
  taken.close();
  rmSync(folder, { recursive: true });
});

type Needy = { listen?: { port: number }; folder?: string; made?: string; files: string[]; group?: string };

/** Says of itself what a test wants it to need. */
const needy: ExporterFactory = {
  kind: 'exporter',
  type: 'needy',
  summary: 'needs things',
  signals: ['logs'],
  config: z.strictObject({
    listen: z.strictObject({ port: z.int() }).optional(),
    folder: z.string().optional(),
    made: z.string().optional(),
    files: z.array(z.string()).default([]),
    group: z.string().optional(),
    every: duration().prefault('1s'),
  }),
  hostNeeds: ({ listen, folder: there, made, files, group }: Needy) => [
    ...(group === undefined ? [] : [{ kind: 'group', name: group, option: ['group'] } as const]),
    ...(listen === undefined ? [] : [{ kind: 'port', host: '127.0.0.1', port: listen.port, option: ['listen', 'port'] } as const]),
    ...(there === undefined ? [] : [{ kind: 'directory', path: there, option: ['folder'] } as const]),
    ...(made === undefined ? [] : [{ kind: 'directory', path: made, create: true, option: ['made'] } as const]),
    ...files.map((file, index) => ({ kind: 'file', path: file, option: ['files', index] }) as const),
  ],
  create: () => ({ start: async () => {}, stop: async () => {}, logs() {} }),
};
const registry = createRegistry([...components, needy]);

/** `exporters` and what else stands in the file; the rest is right. */
const configOf = (exporters: string, rest = '', telemetry = 'metrics: {level: none}') => `receivers:
  process:
exporters:
${exporters}
service:
  telemetry:
    ${telemetry}
  pipelines:
    logs:
      receivers: [process]
      exporters: [${/^ {2}([\w/]+):/m.exec(exporters)![1]}]
${rest}`;

const validate = async (text: string, probe: ProbeReport = fullProbe, ...argv: string[]) => {
  const file = at('test.yaml');
  writeFileSync(file, text);
  const cli = createCli(createWorld(), probe, registry);
  const code = await cli.run('validate', '--config', file, ...argv);
  const own = (text_: string) => text_.replaceAll(`${folder}/`, '').replace(new RegExp(String.raw`\b${port}\b`, 'g'), 'PORT');
  return { code, stderr: own(cli.stderr()).split('\n').slice(0, -1), stdout: own(cli.stdout()) };
};

describe('what does not fit this host', () => {
  it.each<readonly [string, () => string, readonly string[]]>([
    [
      'a port in use',
      () => configOf(`  needy:\n    listen:\n      port: ${port}`),
      [
        expect.stringMatching(
          /^test\.yaml:6:13: exporters\.needy\.listen\.port: port PORT is in use by \S+ \(pid \d+\); choose a free one$/,
        ),
      ],
    ],
    [
      'a port for the metrics in use',
      () => configOf('  debug:', '', `metrics: {address: '127.0.0.1:${port}'}`),
      [
        expect.stringMatching(
          /^test\.yaml:7:24: service\.telemetry\.metrics\.address: port PORT is in use by \S+ \(pid \d+\); choose a free one$/,
        ),
      ],
    ],
    [
      'an address that is not of this host',
      () => configOf('  debug:', '', `metrics: {address: '192.0.2.1:1'}`),
      ['test.yaml:7:24: service.telemetry.metrics.address: 192.0.2.1 is not an address of this host (EADDRNOTAVAIL)'],
    ],
    [
      'a group that is not there',
      () => configOf('  needy:\n    group: no-such-group'),
      ['test.yaml:5:12: exporters.needy.group: this host has no group no-such-group'],
    ],
    [
      'a folder that is not there',
      () => configOf(`  needy:\n    folder: ${at('none')}`),
      ['test.yaml:5:13: exporters.needy.folder: the folder none is not there; make it first'],
    ],
    [
      'a folder that is a file',
      () => configOf(`  needy:\n    folder: ${at('words')}`),
      ['test.yaml:5:13: exporters.needy.folder: words is not a folder'],
    ],
    [
      'a folder that cannot be made',
      () => configOf(`  needy:\n    made: /proc/self/none/below`),
      [expect.stringMatching(/^test\.yaml:5:11: exporters\.needy\.made: /)],
    ],
    [
      'files that cannot be read, each with its place',
      () =>
        configOf(
          `  needy:\n    files:\n      - ${at('words')}\n      - ${at('gone')}\n      - ${at('there')}\n      - ${at('pipe')}\n      - ${at('round')}`,
        ),
      [
        'test.yaml:7:9: exporters.needy.files[1]: cannot read gone: it is not there (ENOENT)',
        'test.yaml:8:9: exporters.needy.files[2]: there is a folder; allowed is a file',
        'test.yaml:9:9: exporters.needy.files[3]: pipe is not a regular file',
        'test.yaml:10:9: exporters.needy.files[4]: cannot read round: its symbolic links go in a circle (ELOOP)',
      ],
    ],
    [
      'a certificate that is none',
      () => configOf(`  otlp_http:\n    tls: {ca_file: ${at('text.pem')}}`),
      ['test.yaml:5:20: exporters.otlp_http.tls.ca_file: text.pem holds no certificate; allowed is PEM text with BEGIN CERTIFICATE'],
    ],
    [
      'a certificate that is broken',
      () => configOf(`  otlp_http:\n    tls: {ca_file: ${at('broken.pem')}}`),
      [expect.stringMatching(/^test\.yaml:5:20: exporters\.otlp_http\.tls\.ca_file: certificate 1 of broken\.pem cannot be read: /)],
    ],
    [
      'a certificate that is not there, and a key that is none',
      () => configOf(`  otlp_grpc:\n    tls:\n      cert_file: ${at('gone.pem')}\n      key_file: ${at('cert.pem')}`),
      [
        'test.yaml:6:18: exporters.otlp_grpc.tls.cert_file: cannot read gone.pem: it is not there (ENOENT)',
        'test.yaml:7:17: exporters.otlp_grpc.tls.key_file: cert.pem holds no private key without a passphrase; allowed is PEM text with BEGIN PRIVATE KEY',
      ],
    ],
    [
      'a key of another certificate',
      () => configOf(`  otlp_grpc:\n    tls: {cert_file: ${at('cert.pem')}, key_file: ${at('other-key.pem')}}`),
      [
        expect.stringMatching(
          /^test\.yaml:5:\d+: exporters\.otlp_grpc\.tls\.key_file: the key of other-key\.pem does not belong to the certificate of cert\.pem$/,
        ),
      ],
    ],
    [
      'a certificate larger than any',
      () => configOf(`  otlp_http:\n    tls: {ca_file: ${at('huge.pem')}}`),
      ['test.yaml:5:20: exporters.otlp_http.tls.ca_file: huge.pem is larger than 4194304 bytes'],
    ],
    [
      'captures that are not there',
      () =>
        `${configOf('  debug:')
          .replace('process:', `replay: {path: ${at('gone.ringtail')}}\n  replay/b: {path: [${at('words')}, ${at('gone')}]}`)
          .replace('[process]', '[replay, replay/b]')}`,
      [
        'test.yaml:2:18: receivers.replay.path: cannot read gone.ringtail: it is not there (ENOENT)',
        expect.stringMatching(/^test\.yaml:3:\d+: receivers\.replay\/b\.path\[1\]: cannot read gone: it is not there \(ENOENT\)$/),
      ],
    ],
    [
      'cgroups that are none',
      () =>
        configOf('  debug:')
          .replace('process:', 'sockets: {cgroup: /proc}\n  sockets/b: {cgroup: /gone}')
          .replace('[process]', '[sockets, sockets/b]'),
      [
        expect.stringMatching(/^test\.yaml:2:\d+: receivers\.sockets\.cgroup: \/proc is not a cgroup of the v2 hierarchy; /),
        expect.stringMatching(/^test\.yaml:3:\d+: receivers\.sockets\/b\.cgroup: the cgroup \/gone cannot be used: ENOENT/),
      ],
    ],
    [
      'a folder of a file exporter that is not there',
      () => configOf(`  file:\n    path: ${at('none/logs.json')}`),
      ['test.yaml:5:11: exporters.file.path: the folder none is not there; make it first'],
    ],
    [
      'a file of a header that is not there',
      () => configOf(`  otlp_http:\n    headers_files:\n      authorization: ${at('gone')}`),
      ['test.yaml:6:22: exporters.otlp_http.headers_files.authorization: cannot read gone: it is not there (ENOENT)'],
    ],
    [
      'an extension whose port is in use, and one whose folder is a file',
      () =>
        configOf(
          '  debug:',
          `extensions:\n  health_check: {endpoint: '127.0.0.1:${port}'}\n  pprof: {endpoint: '127.0.0.1:0', directory: ${at('words')}}\n`,
        ).replace('service:', 'service:\n  extensions: [health_check, pprof]'),
      [
        expect.stringMatching(
          /^test\.yaml:14:28: extensions\.health_check\.endpoint: port PORT is in use by \S+ \(pid \d+\); choose a free one$/,
        ),
        'test.yaml:15:47: extensions.pprof.directory: words is not a folder',
      ],
    ],
    [
      'a root that is not there',
      () => configOf('  debug:', `kernel:\n  root_path: ${at('none')}\n`),
      [expect.stringMatching(/^test\.yaml:13:14: kernel\.root_path: the folder none cannot be used: ENOENT/)],
    ],
  ])('%s', async (_, text, problems) => {
    const { code, stderr, stdout } = await validate(text());
    expect(stderr.slice(0, -1)).toEqual(problems);
    expect(stderr.at(-1)).toMatch(/^ringtail: test\.yaml has \d errors? on this host; correct it, or check it elsewhere with --no-host$/);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^syntax: passed\ngraph: passed; .*\nhost: failed; \d errors?\n$/);
    const elsewhere = await validate(text(), fullProbe, '--no-host');
    expect([elsewhere.code, elsewhere.stderr]).toEqual([0, []]);
  });

  it('two that want one port', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => void free.once('listening', resolve));
    const { port: number } = free.address() as AddressInfo;
    await new Promise((resolve) => void free.close(resolve));
    const text = configOf(`  needy:\n    listen: {port: ${number}}`, '', `metrics: {address: '127.0.0.1:${number}'}`);
    const { code, stderr } = await validate(text);
    expect(stderr[0]).toBe(
      `test.yaml:5:20: exporters.needy.listen.port: port ${number} is used by service.telemetry.metrics.address already; give each its own`,
    );
    expect(code).toBe(1);
    // and nothing is held afterwards
    expect((await validate(configOf(`  needy:\n    listen: {port: ${number}}`))).code).toBe(0);
  });

  it('warns of a certificate that has expired, or is not valid yet', async () => {
    const day = 24 * 3_600_000;
    const after = (ms: number) => certificatesProblem(at('cert.pem'), new Date(Date.now() + ms));
    expect(await after(0)).toBeUndefined();
    expect(await after(31 * day)).toEqual({ severity: 'warning', message: expect.stringMatching(/cert\.pem expired at 20/) });
    expect(await after(-day)).toEqual({ severity: 'warning', message: expect.stringMatching(/cert\.pem is not valid before 20/) });
  });

  it('warns of neighbours that are not there', async () => {
    const exclude = `exclude: {executables: [${at('words')}, ${at('gone')}], pid_files: [${at('none.pid')}], cgroups: [/nothing/of/the/kind]}`;
    const { code, stderr } = await validate(configOf('  debug:').replace('  telemetry:', `  ${exclude}\n  telemetry:`));
    const later = 'is not there now; until it is, nothing is left out by it';
    expect(stderr.filter((line) => !line.includes('cgroups'))).toEqual([
      expect.stringMatching(new RegExp(`^test\\.yaml:6:\\d+: warning: service\\.exclude\\.executables\\[1\\]: gone ${later}$`)),
      expect.stringMatching(new RegExp(`^test\\.yaml:6:\\d+: warning: service\\.exclude\\.pid_files\\[0\\]: none\\.pid ${later}$`)),
    ]);
    expect(code).toBe(0);
  });

  it('has nothing against what fits', async () => {
    const text = configOf(
      `  otlp_grpc:\n    tls: {ca_file: ${at('cert.pem')}, cert_file: ${at('cert.pem')}, key_file: ${at('key.pem')}}\n  needy:\n    folder: ${at('there')}\n    made: ${at('there/a/b')}\n    files: [${at('words')}]\n    listen: {port: 0}`,
    ).replace('[otlp_grpc]', '[otlp_grpc, needy]');
    expect(await validate(text)).toMatchObject({ code: 0, stderr: [] });
  });
});

describe('the kernel', () => {
  const check = (name: string, ok: boolean, more: Partial<ProbeCheck> = {}): ProbeCheck => ({
    name,
    ok,
    detail: `${name} says so`,
    required: false,
    ...more,
  });
  const probeOf = (...checks: readonly ProbeCheck[]): ProbeReport => ({ kernel: '6.1.0', arch: 'x86_64', checks });
  const rungs = (...working: readonly string[]) =>
    ['btf', 'ring buffer', 'tp_btf', 'raw_tp', 'tp', 'procfs'].map((name) => check(name, working.includes(name)));
  const all = ['btf', 'ring buffer', 'tp_btf', 'raw_tp', 'tp', 'procfs'];
  const plain = configOf('  debug:');
  const withRung = (rung: string) => configOf('  debug:', `kernel:\n  rung: ${rung}\n`);
  const never = 'processes cannot be followed here';

  it.each<readonly [string, string, ProbeReport, number, readonly (string | RegExp)[], RegExp]>([
    ['the best rung', plain, probeOf(...rungs(...all)), 0, [], /followed by tp_btf/],
    ['the next one', plain, probeOf(...rungs('btf', 'ring buffer', 'raw_tp', 'procfs')), 0, [], /followed by raw_tp/],
    [
      'procfs, with a warning',
      plain,
      probeOf(...rungs('procfs', 'btf', 'ring buffer')),
      0,
      [
        'test.yaml:2:3: warning: receivers.process: processes can only be read from /proc here, which misses what lives shortly; tp_btf: tp_btf says so; raw_tp: raw_tp says so; tp: tp says so',
      ],
      /host: passed; 1 warning; processes are followed by procfs/,
    ],
    [
      'the prerequisite rather than what follows from it',
      plain,
      probeOf(...rungs('procfs', 'ring buffer')),
      0,
      [/which misses what lives shortly; btf: btf says so$/],
      /followed by procfs/,
    ],
    [
      'nothing at all',
      plain,
      probeOf(...rungs()),
      3,
      [`test.yaml:2:3: receivers.process: ${never}; btf: btf says so; ring buffer: ring buffer says so`],
      /host: failed; 1 error/,
    ],
    ['a rung that must work', withRung('tp'), probeOf(...rungs(...all)), 0, [], /followed by tp/],
    [
      'a rung that does not work',
      withRung('tp_btf'),
      probeOf(...rungs('btf', 'ring buffer', 'tp', 'procfs')),
      3,
      ['test.yaml:13:9: kernel.rung: tp_btf does not work here; tp_btf: tp_btf says so'],
      /host: failed/,
    ],
    [
      'what makes less of it',
      plain,
      probeOf(
        ...rungs(...all),
        check('pid namespace', false),
        check('cgroup v2', false),
        check('cap_sys_ptrace', false, { advice: 'do this' }),
        check('xdp', false),
        check('cap_net_admin', false),
      ),
      0,
      [
        /^test\.yaml:2:3: warning: receivers\.process: numbers of processes are not those that the host shows; pid namespace/,
        /cgroups will have no names; cgroup v2: /,
        /may stay unknown; cap_sys_ptrace: cap_sys_ptrace says so \(do this\)$/,
      ],
      /host: passed; 3 warnings/,
    ],
    [
      'a map of traces that is not there and that nobody named',
      plain,
      probeOf(...rungs(...all), check('trace contexts', false, { optional: true })),
      0,
      [],
      /host: passed;/,
    ],
    [
      'one that is named',
      configOf('  debug:', `kernel:\n  trace_context: /pin\n`),
      probeOf(...rungs(...all), check('trace contexts', false, { optional: true })),
      0,
      ['test.yaml:13:18: warning: kernel.trace_context: trace contexts says so; log records carry no trace'],
      /host: passed; 1 warning/,
    ],
    [
      'one of another shape',
      plain,
      probeOf(...rungs(...all), check('trace contexts', false, { advice: 'do this' })),
      0,
      [/^test\.yaml:2:3: warning: receivers\.process: trace contexts says so \(do this\)$/],
      /host: passed; 1 warning/,
    ],
    [
      'a root that is none',
      configOf('  debug:', `kernel:\n  root_path: /tmp\n`),
      probeOf(...rungs('btf', 'ring buffer', 'tp_btf')),
      1,
      ['test.yaml:13:14: kernel.root_path: /tmp does not look like the root of a host: it has no proc'],
      /host: failed/,
    ],
  ])('%s', async (_, text, probe, code, problems, stdout) => {
    const result = await validate(text, probe);
    const told = result.stderr.filter((line) => !line.startsWith('ringtail:'));
    expect(told).toEqual(problems.map((problem) => expect.stringMatching(problem)));
    expect(result.stdout).toMatch(stdout);
    expect(result.code).toBe(code);
    expect(
      result.stderr.some((line) => line === 'ringtail: test.yaml is right, but cannot run here; see what "ringtail doctor" says'),
    ).toBe(code === 3);
  });

  it('is not looked at for what does not need it', async () => {
    const cli = createCli(createWorld(), probeOf());
    const file = at('world.yaml');
    writeFileSync(
      file,
      'receivers: {source: }\nexporters: {sink: }\nservice: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [source], exporters: [sink]}}}\n',
    );
    expect(await cli.run('validate', '--config', file)).toBe(0);
    expect(cli.kernelOptions()).toBeUndefined();
  });
});

describe('who listens', () => {
  it('is found in the table of sockets', () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:49C8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:49C8 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`;
    expect(listeningInodes(table, 18_888)).toEqual(['4711']);
    expect(listeningInodes(table, 80)).toEqual(['4713']);
    expect(listeningInodes(table, 81)).toEqual([]);
  });
});
