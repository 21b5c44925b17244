/** Programs that people use, each with what is known of its sessions: who had them, between which ports, and how many bytes went each way. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { freePorts, temporaryFolder } from './places.ts';
import { type Running, run, start, until } from './processes.ts';

/** One end of a session. The port that the kernel chose for a client is not known to all: NaN. */
export type Known = {
  readonly transport: string;
  readonly type: string;
  readonly role: 'client' | 'server';
  readonly local: string;
  readonly localPort: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly pid: number;
  /** Of the record `start`, when that is another process than at the end. */
  readonly startPid?: number;
  readonly uid: number;
  readonly sent: number;
  readonly received: number;
  readonly error?: string;
};

export type Tool = {
  readonly name: string;
  readonly use: () => Promise<readonly Known[]>;
};

export const NOBODY = 65_534;
const talk = fileURLToPath(new URL('../../workloads/talk.py', import.meta.url));
const python = '/usr/bin/python3';
const asNobody = (command: string, args: readonly string[], input: 'ignore' | 'pipe' = 'ignore'): Running =>
  start('setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--', command, ...args], {
    stdio: [input, 'pipe', 'pipe'],
  });

const isListening = (port: number, protocol: 't' | 'u' = 't') =>
  until(async () => (await run('ss', [`-Hln${protocol}`, `sport = :${port}`])).stdout !== '', `something at port ${port}`);

const ended = async (running: Running, code = 0): Promise<string> => {
  const end = await running.ended;
  expect({ code: end.code, said: end.code === code ? '' : running.stderr() }).toEqual({ code, said: '' });
  return running.stdout();
};

/** Ends a server that would go on for ever. */
const stop = async (running: Running): Promise<void> => {
  running.child.kill('SIGTERM');
  await running.ended;
};

type Pair = {
  readonly type?: string;
  readonly transport?: string;
  readonly address?: string;
  readonly port: number;
  readonly clientPort?: number;
  readonly client: { readonly pid: number; readonly uid: number };
  readonly server: { readonly pid: number; readonly uid: number; readonly startPid?: number };
  readonly request: number;
  readonly answer: number;
  /** Addresses as the server sees them. */
  readonly serverType?: string;
  readonly serverAddress?: string;
};

/** Both ends of one session. */
const pair = (of: Pair): readonly Known[] => {
  const { transport = 'tcp', type = 'ipv4', address = '127.0.0.1', port, clientPort = NaN, client, server, request, answer } = of;
  const seen = of.serverAddress ?? address;
  return [
    { transport, type, role: 'client', local: address, localPort: clientPort, peer: address, peerPort: port, ...client, sent: request, received: answer },
    { transport, type: of.serverType ?? type, role: 'server', local: seen, localPort: port, peer: seen, peerPort: clientPort, ...server, sent: answer, received: request },
  ]; // prettier-ignore
};

/** What it calls the request has its body in it. */
const SIZES = '%{local_port} %{size_request} %{size_header} %{size_download}\\n';

/** What curl and its server had; `port` and the rest as they were asked for. */
const curl = async (url: string, of: Omit<Pair, 'client' | 'request' | 'answer' | 'clientPort'>, more: readonly string[] = []) => {
  const running = asNobody('curl', ['-s', '--noproxy', '*', '-o', '/dev/null', '-w', SIZES, ...more, url]);
  const [clientPort, request, headers, content] = (await ended(running)).trim().split(' ').map(Number) as [number, number, number, number];
  return pair({ ...of, clientPort, client: { pid: running.pid, uid: NOBODY }, request, answer: headers + content });
};

const pythonHttp: Tool = {
  name: 'curl and http.server of Python, for IPv4 and IPv6 at one socket',
  async use() {
    const [port] = (await freePorts(1)) as [number];
    const server = start(python, [
      '-m',
      'http.server',
      String(port),
      '--bind',
      '::',
      '--directory',
      fileURLToPath(new URL('.', import.meta.url)),
    ]);
    await isListening(port);
    const of = { port, server: { pid: server.pid, uid: 0 }, serverType: 'ipv6' };
    const known = [
      ...(await curl(`http://127.0.0.1:${port}/tools.ts`, { ...of, serverAddress: '::ffff:127.0.0.1' })),
      ...(await curl(`http://[::1]:${port}/sessions.ts`, { ...of, type: 'ipv6', address: '::1' })),
    ];
    await stop(server);
    return known;
  },
};

const NODE_SERVER = `
  const server = require('node:http').createServer((request, response) => {
    request.resume().on('end', () => response.end('x'.repeat(100000)));
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const nodeServer: Tool = {
  name: 'curl and a server of Node, several requests in one session',
  async use() {
    const server = start(process.execPath, ['-e', NODE_SERVER]);
    const port = Number(await until(() => server.stdout().trim(), 'a port'));
    const running = asNobody('curl', ['-s', '--noproxy', '*', '-w', `%{num_connects} ${SIZES}`, '-o', '/dev/null', '-o', '/dev/null', '-d', 'y'.repeat(5000), `http://127.0.0.1:${port}/{a,b}`]); // prettier-ignore
    const lines = (await ended(running)).trim().split('\n').map((line) => line.split(' ').map(Number)); // prettier-ignore
    expect(lines.map(([connects]) => connects)).toEqual([1, 0]);
    const sum = (...columns: readonly number[]) =>
      lines.reduce((all, line) => all + columns.reduce((one, column) => one + line[column]!, 0), 0);
    await stop(server);
    return pair({ port, clientPort: lines[0]![1]!, client: { pid: running.pid, uid: NOBODY }, server: { pid: server.pid, uid: 0 }, request: sum(2), answer: sum(3, 4) }); // prettier-ignore
  },
};

const CLUSTER = `
  const cluster = require('node:cluster');
  if (cluster.isPrimary) cluster.fork();
  else {
    const server = require('node:http').createServer((request, response) => response.end('x'));
    server.listen(0, '127.0.0.1', () => console.log(server.address().port, process.pid));
  }
`;

const nodeCluster: Tool = {
  name: 'a cluster of Node, whose first process accepts and hands over',
  async use() {
    const script = join(temporaryFolder(), 'cluster.cjs');
    writeFileSync(script, CLUSTER);
    const server = start(process.execPath, [script]);
    const [port, worker] = (await until(() => server.stdout().trim(), 'a port')).split(' ').map(Number) as [number, number];
    const known = await curl(`http://127.0.0.1:${port}/`, { port, server: { pid: worker, startPid: server.pid, uid: 0 } });
    await stop(server);
    return known;
  },
};

const REQUEST = 'x'.repeat(321);

const netcat = (family: '4' | '6', transport: 'tcp' | 'udp'): Tool => ({
  name: `nc, ${transport} of IPv${family}`,
  async use() {
    const [port, clientPort] = (await freePorts(2)) as [number, number];
    const [type, address] = family === '4' ? (['ipv4', '127.0.0.1'] as const) : (['ipv6', '::1'] as const);
    const [listen, send] = transport === 'udp' ? (['-uW1', '-uq0'] as const) : (['-d', '-N'] as const);
    const server = start('nc', [`-${family}nl`, listen, address, String(port)]);
    await isListening(port, transport === 'udp' ? 'u' : 't');
    const client = asNobody('nc', [`-${family}n`, send, '-p', String(clientPort), address, String(port)], 'pipe');
    client.child.stdin!.end(REQUEST);
    await ended(client);
    await ended(server);
    const ends = { client: { pid: client.pid, uid: NOBODY }, server: { pid: server.pid, uid: 0 } };
    return pair({ type, transport, address, port, clientPort, ...ends, request: REQUEST.length, answer: 0 });
  },
});

const refused: Tool = {
  name: 'curl where nobody listens',
  async use() {
    const [port] = (await freePorts(1)) as [number];
    const running = asNobody('curl', ['-s', '--noproxy', '*', `http://127.0.0.1:${port}/`]);
    await ended(running, 7);
    const [client] = pair({
      port,
      client: { pid: running.pid, uid: NOBODY },
      server: { pid: 0, uid: 0 },
      request: 0,
      answer: 0,
    });
    // a session that never was has no bytes
    return [{ ...client!, sent: NaN, received: NaN, error: 'ECONNREFUSED' }];
  },
};

/** A client that says `hello` and hears who answers. */
const greet = async (port: number) => {
  const client = asNobody(python, [
    '-c',
    `import socket; s = socket.create_connection(('127.0.0.1', ${port})); s.sendall(b'hello'); print(s.getsockname()[1], s.recv(100).decode())`,
  ]);
  const [clientPort, answerer] = (await ended(client)).trim().split(' ').map(Number) as [number, number];
  return { port, clientPort, client: { pid: client.pid, uid: NOBODY }, request: 5, answer: String(answerer).length, answerer };
};

const forking: Tool = {
  name: 'a server of Python that forks for each connection',
  async use() {
    const [port] = (await freePorts(1)) as [number];
    const server = start(python, [talk, 'forking', String(port)], { stdio: ['pipe', 'pipe', 'pipe'] });
    await until(() => server.stdout().startsWith('ready'), 'the server');
    const known: Known[] = [];
    for (const count of [1, 2, 3]) {
      server.child.stdin!.write('next\n');
      const { answerer, ...of } = await greet(port);
      await until(() => server.stdout().split('served').length > count, 'the child to be forked');
      known.push(...pair({ ...of, server: { pid: answerer, startPid: server.pid, uid: 0 } }));
    }
    server.child.stdin!.end();
    await ended(server);
    return known;
  },
};

const prefork: Tool = {
  name: 'workers of Python that accept from one socket',
  async use() {
    const [port] = (await freePorts(1)) as [number];
    const server = start(python, [talk, 'prefork', String(port), '3'], { stdio: ['pipe', 'pipe', 'pipe'] });
    await until(() => server.stdout().startsWith('ready'), 'the workers');
    const known: Known[] = [];
    for (let count = 0; count < 6; count++) {
      const { answerer, ...of } = await greet(port);
      known.push(...pair({ ...of, server: { pid: answerer, uid: 0 } }));
    }
    server.child.stdin!.end();
    await ended(server);
    return known;
  },
};

/** What the program says of itself. */
const said = (pid: number, stdout: string): readonly Known[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as Omit<Known, 'pid' | 'uid'>), pid, uid: 0 }));

const talking = (name: string, command: readonly string[]): Tool => ({
  name,
  async use() {
    const program = start(command[0]!, command.slice(1));
    return said(program.pid, await ended(program));
  },
});

export const tools: readonly Tool[] = [
  pythonHttp,
  nodeServer,
  nodeCluster,
  netcat('4', 'tcp'),
  netcat('6', 'tcp'),
  netcat('4', 'udp'),
  netcat('6', 'udp'),
  refused,
  forking,
  prefork,
  talking('UDP: connected or not, largest datagrams, both families at one socket, multicast', [python, talk, 'udp']),
  talking('TCP Fast Open, in a network namespace of its own', ['unshare', '-n', '--', python, talk, 'fastopen']),
];
