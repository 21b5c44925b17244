/** `ringtail trace`: a command as a trace, its exit code, its connections, the trace that it belongs to. */
import { createServer } from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './support/places.ts';
import { run } from './support/processes.ts';
import { ringtailCommand } from './support/ringtail.ts';

type Attribute = {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string;
    readonly arrayValue?: { readonly values: readonly object[] };
  };
};
type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status?: { readonly code: number; readonly message?: string };
  readonly attributes: readonly Attribute[];
};
type Request = { readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[] };

const valueOf = ({ attributes }: Span, name: string): string | undefined => {
  const value = attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue;
};

const traced = async (command: readonly string[], env: Readonly<Record<string, string>> = {}, options: readonly string[] = []) => {
  const output = join(temporaryFolder(), 'spans.json');
  const ended = await run(ringtailCommand, ['trace', '--output', output, ...options, '--', ...command], { env: { ...process.env, ...env } });
  const lines = readFileSync(output, 'utf8').split('\n').filter((line) => line !== '');
  const spans = lines.flatMap((line) => (JSON.parse(line) as Request).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
  return { ...ended, spans };
}; // prettier-ignore

const root = (spans: readonly Span[]): Span => spans.find(({ parentSpanId = '' }) => !spans.some(({ spanId }) => spanId === parentSpanId))!;

describe('ringtail trace', () => {
  test('an HTTP download hangs below the program that did it, with its bytes', async () => {
    const body = 'x'.repeat(100_000);
    const server = createServer((_request, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const script = join(temporaryFolder(), 'download.sh');
    const says = '%{size_request} %{size_header} %{size_download}';
    writeFileSync(script, `#!/bin/sh\ncurl -s -o /dev/null -w '${says}' http://127.0.0.1:${port}/\nls /nowhere 2>/dev/null\nexit 3\n`, { mode: 0o755 });
    const { code, spans, stdout, stderr } = await traced([script]);
    expect(code).toBe(3);
    const [request = 0, head = 0, download = 0] = stdout.split(' ').map(Number);
    expect(download).toBe(body.length);
    const whole = root(spans);
    expect(spans.map(({ traceId }) => traceId)).toEqual(spans.map(() => whole.traceId));
    expect(whole.parentSpanId ?? '').toBe('');
    expect(whole.status).toEqual({ code: 2, message: 'exit code 3' });
    const curl = spans.find(({ name }) => name === 'curl')!;
    expect(curl.parentSpanId).toBe(whole.spanId);
    const session = spans.find(({ name }) => name === `tcp ${port}`)!;
    expect({ parent: session.parentSpanId, kind: session.kind }).toEqual({ parent: curl.spanId, kind: 3 });
    // as curl counts them, to the byte
    expect(Number(valueOf(session, 'ringtail.session.bytes_sent'))).toBe(request);
    expect(Number(valueOf(session, 'ringtail.session.bytes_received'))).toBe(head + download);
    expect(valueOf(spans.find(({ name }) => name === 'ls')!, 'process.exit.code')).toBe('2');
    expect(stderr).toContain(`trace ${whole.traceId}`);
    expect(stderr).toMatch(/exit code 2 ls \/nowhere\n/);
    expect(stderr).toContain(`→ 127.0.0.1:${port} tcp`);
  });

  test('belongs to the trace that TRACEPARENT names, and passes its own on', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { stdout, spans } = await traced(['sh', '-c', 'echo $TRACEPARENT; true'], { TRACEPARENT: `00-${trace}-00f067aa0ba902b7-01` });
    expect(spans.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([[trace, '00f067aa0ba902b7']]);
    expect(stdout).toBe(`00-${trace}-${spans[0]!.spanId}-01\n`);
    const unsampled = await traced(['sh', '-c', 'echo $TRACEPARENT'], { TRACEPARENT: `00-${trace}-00f067aa0ba902b7-00` });
    expect(unsampled.spans).toEqual([]);
    expect(unsampled.stdout).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00\n$`));
    expect(unsampled.stderr).toContain('its trace is not sampled');
    const malformed = await traced(['true'], { TRACEPARENT: 'nonsense' });
    expect(malformed.code).toBe(0);
    expect(malformed.stderr).toContain('TRACEPARENT is not as W3C Trace Context has it');
    expect(malformed.spans[0]!.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  test('marks what the command waited for, and nothing that ran beside it', async () => {
    const { stderr } = await traced(['sh', '-c', 'sleep 0.6 & sleep 0.05; wait; exec sleep 0.2']);
    const lines = stderr.split('\n');
    const marked = lines.filter((line) => /^.{9} ●/.test(line)).map((line) => line.replace(/^.{9} ●[ ├└│─]*/, ''));
    expect(marked).toEqual(["sh -c 'sleep 0.6 & sleep 0.05; wait; exec sleep 0.2'", 'sleep 0.6', 'sleep 0.2']);
    expect(lines.find((line) => line.endsWith('sleep 0.05'))).toMatch(/^.{9}   /);
    expect(stderr).toMatch(/^slowest path: \w+ [\d.]+ \S+ → sleep [\d.]+ m?s → sleep [\d.]+ m?s$/m);
  });

  test('gives the command the environment of its caller, with TRACEPARENT, and no descriptors of Ringtail', async () => {
    const env = { PATH: '/usr/bin:/bin', ODD: 'two\nlines', EMPTY: '' };
    const command = ['sh', '-c', 'env -0; ls /proc/self/fd'];
    const ended = await run(ringtailCommand, ['trace', '--no-tree', '--', ...command], { env });
    const plain = await run(command[0]!, command.slice(1), { env });
    const [descriptors, ...variables] = ended.stdout.split('\0').toReversed();
    const told = new Map(variables.map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]));
    expect(told.get('TRACEPARENT')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    // shells add what they know of where they are
    for (const name of ['TRACEPARENT', 'PWD', 'OLDPWD', 'SHLVL', '_']) told.delete(name);
    expect(Object.fromEntries(told)).toEqual(env);
    expect(descriptors).toBe(plain.stdout.split('\0').at(-1));
  });

  test('runs as who called sudo', async () => {
    const { stdout, spans } = await traced(['id', '-u'], { SUDO_UID: '65534' });
    expect(stdout).toBe('65534\n');
    expect(valueOf(spans[0]!, 'process.user.id')).toBe('65534');
  });

  test.each([
    ['one that is killed', ['sh', '-c', 'kill -KILL $$'], 137, 'killed by SIGKILL'],
    ['one that is not there', ['/nowhere/at/all'], 127, 'cannot run /nowhere/at/all: No such file or directory'],
    ['one that cannot be run', ['/etc/passwd'], 126, 'cannot run /etc/passwd: Permission denied'],
    ['one whose spans nobody takes', ['true'], 0, '1 span could not be sent to http://127.0.0.1:1', ['--endpoint', 'http://127.0.0.1:1']],
  ] as const)('ends as the command does: %s', async (_what, command, wanted, said, options: readonly string[] = []) => {
    const { code, stderr } = await traced(command, {}, options);
    expect(code).toBe(wanted);
    expect(stderr).toContain(said);
  });

  test.each([400, 503])('ends as the command does when a back end answers %i, and says that nothing was taken', async (status) => {
    const server = createServer((request, response) => {
      request.resume();
      request.on('end', () => response.writeHead(status, { 'retry-after': '1' }).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { code, stderr } = await traced(['sh', '-c', 'exit 6'], {}, [
      '--endpoint',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ]);
    expect(code).toBe(6);
    expect(stderr).toContain('1 span could not be sent');
    expect(stderr).toContain(String(status));
  });

  test('fails with 125 when it cannot work', async () => {
    const ended = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', ringtailCommand, 'trace', '--', 'true']);
    expect(ended.code).toBe(125);
    expect(ended.stderr).toContain('root');
  });
}); // prettier-ignore
