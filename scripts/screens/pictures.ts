/** Takes the scenes while the traffic generator and a Ringtail run, and writes them as pictures. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { RuntimeError } from '../../src/core/errors.ts';
import { v2Mount } from '../demo/places.ts';
import { readScreen } from './ansi.ts';
import { enterNeutralCgroup, neutralEnvironment } from './neutral-place.ts';
import { runCommand, type Scene } from './scenes.ts';
import { svgOf } from './svg.ts';
import { endTmux } from './tmux.ts';

const BEGIN_MS = 30_000;
const LOOK_MS = 50;
const MOST_TAKES = 20;
const PAUSE_MS = 3000;

type Program = { readonly child: ChildProcess; shows(what: string): Promise<void>; end(): Promise<void> };

const startProgram = (command: string, args: readonly string[]): Program => {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: neutralEnvironment() });
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (more: string) => (text = (text + more).slice(-65_536)));
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  return {
    child,
    async shows(what) {
      for (let leftMs = BEGIN_MS; !text.includes(what); leftMs -= LOOK_MS) {
        if (leftMs <= 0 || child.exitCode !== null) throw new RuntimeError(`${command} does not say "${what}", but ${text}`);
        await wait(LOOK_MS);
      }
    },
    async end() {
      child.kill('SIGINT');
      await ended;
    },
  };
};

/** What an engine would leave on disk of the container that the generator plays. */
const nameContainer = (pid: number): void => {
  const own = readdirSync(v2Mount()!).find((name) => name.startsWith(`ringtail-demo-${pid}-`));
  if (own === undefined) throw new RuntimeError('the generator has no cgroup');
  for (const id of readdirSync(join(v2Mount()!, own, 'docker')).filter((name) => /^[\da-f]{64}$/.test(name))) {
    const folder = join('/var/lib/docker/containers', id);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'config.v2.json'),
      JSON.stringify({ ID: id, Name: '/shop', Image: 'sha256:0', Config: { Image: 'shop:1.4', Labels: {} } }),
    );
  }
};

/** Releases of kernels end in what their builder likes. */
const withoutBuilder = (text: string): string => {
  const short = /^[\d.]+/.exec(release())?.[0] ?? release();
  return text.replaceAll(release(), short);
};

/** What stands in cgroups beside ours, and in no picture: how machines and others on them call things. */
const strays = (generator: number): readonly string[] => {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const roots = mounts.flatMap(([, place, type]) => (type?.startsWith('cgroup') === true ? [place!] : []));
  const folders = roots.flatMap((root) => readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory()));
  const own = new RegExp(`^(?:ringtail-demo-${generator}-\\d+|system\\.slice|docker)$`);
  return [...new Set(folders.map(({ name }) => name).filter((name) => !own.test(name)))];
};

/** Others may be at work on this machine: then it is taken again. */
const takeClean = async (scene: Scene, generator: number): Promise<string> => {
  for (let left = MOST_TAKES; left > 0; left--) {
    const text = (await scene.take(generator)).trimEnd();
    const found =
      [...strays(generator), '[CTR]'].find((name) => text.includes(name)) ?? /\b[\da-f]{12}\b/.exec(stripVTControlCharacters(text))?.[0];
    if (found === undefined) return text;
    process.stdout.write(`${scene.name}: shows ${found}, which is not ours; taken again\n`);
    await wait(PAUSE_MS);
  }
  throw new RuntimeError(`${scene.name} cannot be taken here: others are at work on this machine`);
};

const take = async (scene: Scene, folder: string): Promise<string> => {
  const words = ['scripts/demo/traffic.ts', '--auto', '--duration', '10m', '--rate', String(scene.rate)];
  const demo = startProgram(join(folder, 'node_modules/.bin/node'), words);
  const running: Program[] = [demo];
  try {
    const generator = demo.child.pid!;
    enterNeutralCgroup(generator);
    await demo.shows('begun');
    nameContainer(generator);
    if (scene.isAttached) {
      const ringtail = startProgram('sh', ['-c', `exec ${runCommand(generator)}`]);
      running.push(ringtail);
      await ringtail.shows('ready');
    }
    return withoutBuilder(await takeClean(scene, generator));
  } finally {
    endTmux();
    for (const program of running.toReversed()) await program.end();
  }
};

export const makePictures = async (scenes: readonly Scene[], folder: string): Promise<void> => {
  const images = join(folder, 'docs/images');
  mkdirSync(images, { recursive: true });
  for (const scene of scenes) {
    const lines = readScreen(await take(scene, folder));
    writeFileSync(join(images, `${scene.name}.svg`), svgOf({ ...scene, lines }));
    process.stdout.write(`docs/images/${scene.name}.svg: ${scene.columns} columns, ${scene.rows} rows\n`);
  }
};
