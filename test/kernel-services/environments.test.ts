import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFrameBuilder } from '../../src/core/frame-builder.ts';
import { createEnvironments, parseEnvironment, type Environments } from '../../src/kernel/environments.ts';
import { createFakeProc, type FakeProc } from './fake-proc.ts';

const environ = (...variables: readonly string[]): string => variables.map((variable) => `${variable}\0`).join('');
const parse = (...variables: readonly string[]) => Object.fromEntries(parseEnvironment(Buffer.from(environ(...variables))));

describe('the environment of a process', () => {
  it.each([
    [['PATH=/bin', 'SECRET=hunter2'], {}],
    [['OTEL_SERVICE_NAME=cart'], { 'service.name': 'cart' }],
    [
      ['OTEL_RESOURCE_ATTRIBUTES=service.name=a,deployment.environment.name=prod%2Ceu , service.version = 1 '],
      { 'service.name': 'a', 'deployment.environment.name': 'prod,eu', 'service.version': '1' },
    ],
    [['OTEL_RESOURCE_ATTRIBUTES=service.name=a', 'OTEL_SERVICE_NAME=b'], { 'service.name': 'b' }],
    [['OTEL_SERVICE_NAME=', 'OTEL_RESOURCE_ATTRIBUTES=,=x,y=,z,bad=%zz'], {}],
    [['OTEL_SERVICE_NAME=a\nb', `OTEL_RESOURCE_ATTRIBUTES=k=\u001b[31m,${'n'.repeat(300)}=x,long=${'x'.repeat(2_000)}`], {}],
    [['NOT_OTEL_SERVICE_NAME=x', 'OTEL_SERVICE_NAME_X=x'], {}],
    [['OTEL_SERVICE_NAME=café'], { 'service.name': 'café' }],
    [
      [
        'OTEL_RESOURCE_ATTRIBUTES=container.id=x,container.runtime.name=x,host.name=x,k8s.pod.uid=x,ringtail.k8s.qos=x,process.pid=1,os.type=x,container.name=mine',
      ],
      { 'container.name': 'mine' },
    ],
    [['OTEL_RESOURCE_ATTRIBUTES=__proto__=x,constructor=y'], { ['__proto__']: 'x', constructor: 'y' }],
  ])('%j says %j', (variables, attributes) => {
    expect(Object.entries(parse(...variables))).toEqual(Object.entries(attributes));
  });

  it('has at most 32 attributes', () => {
    expect(Object.keys(parse(`OTEL_RESOURCE_ATTRIBUTES=${Array.from({ length: 100 }, (_, n) => `k${n}=v`).join(',')}`))).toHaveLength(32);
  });
});

describe('environments', () => {
  let proc: FakeProc;
  let nowMs: number;
  let environments: Environments;
  beforeEach(() => {
    proc = createFakeProc();
    nowMs = 0;
    environments = createEnvironments(proc.root, () => nowMs);
  });
  afterEach(() => proc.dispose());

  const startNs = 1_000_000_000n;
  const frameOf = (execId = 1) => {
    const builder = createFrameBuilder({ wallOffsetNs: 0n });
    builder.addActor({ pid: 7, startNs, execId });
    return builder.build();
  };
  const ask = async (execId = 1, comm?: string) => {
    const frame = frameOf(execId);
    const { missing } = environments.resolve(frame);
    const question = { pid: 7, startNs, key: environments.keyOf(frame, 0), ...(comm === undefined ? {} : { comm: Buffer.from(comm) }) };
    await environments.fetch(missing.map(() => question));
    return { asked: missing.length, attributes: environments.resolve(frameOf(execId)).attributes[0] };
  };
  const start = (comm = 'cart') => {
    proc.set({ pid: 7, comm, startTicks: 100 });
    proc.write('proc/7/environ', environ('OTEL_SERVICE_NAME=cart'));
  };

  it('are read once a program', async () => {
    start();
    expect(await ask(1, 'cart')).toEqual({ asked: 1, attributes: [['service.name', 'cart']] });
    expect(await ask(1, 'cart')).toMatchObject({ asked: 0 });
    expect(await ask(2, 'cart')).toMatchObject({ asked: 1 });
    expect([environments.size, environments.version]).toEqual([2, 2]);
  });

  it('of another process or program are nobody’s; what could not be had is asked for again, each time later', async () => {
    start('other');
    expect(await ask(1, 'cart')).toEqual({ asked: 1, attributes: undefined });
    expect(await ask(1, 'cart')).toMatchObject({ asked: 0 });
    nowMs = 200;
    proc.set({ pid: 7, comm: 'cart', startTicks: 200 });
    expect(await ask(1, 'cart')).toEqual({ asked: 1, attributes: undefined });
    nowMs = 599;
    expect(await ask(1, 'cart')).toMatchObject({ asked: 0 });
    nowMs = 600;
    start();
    expect(await ask(1, 'cart')).toEqual({ asked: 1, attributes: [['service.name', 'cart']] });
  });

  it('that say nothing are not asked again', async () => {
    start();
    proc.write('proc/7/environ', environ('PATH=/bin'));
    expect(await ask()).toEqual({ asked: 1, attributes: undefined });
    nowMs = 1_000_000;
    expect(await ask()).toEqual({ asked: 0, attributes: undefined });
  });

  it('without a right to read them are left out', async () => {
    proc.set({ pid: 7, startTicks: 100 });
    expect(await ask()).toEqual({ asked: 1, attributes: undefined });
  });
});
