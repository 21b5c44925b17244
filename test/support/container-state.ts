/** Folders of container runtimes as these leave them on disk, and as somebody may make them who means harm. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ContainerFolders } from '../../src/kernel/containers/types.ts';

export const dockerFile = (id: string): string => `var/lib/docker/containers/${id}/config.v2.json`;

export const dockerState = (id: string, name: string, image = 'nginx:1.27', labels: Readonly<Record<string, string>> = {}) => ({
  ID: id,
  Name: `/${name}`,
  Image: `sha256:${id}`,
  Config: { Image: image, Labels: labels },
});

export const containerFolders: ContainerFolders = {
  docker: ['/var/lib/docker'],
  containerd: ['/run/containerd'],
  'cri-o': ['/run/containers/storage', '/var/lib/containers/storage'],
  podman: ['/run/containers/storage', '/var/lib/containers/storage'],
  lxc: ['/var/lib/lxc'],
  runc: ['/run/runc'],
  crun: ['/run/crun'],
};

export type StateRoot = {
  readonly root: string;
  /** A file with this text, or this value as JSON. */
  write(path: string, content: unknown): void;
  link(path: string, target: string): void;
  pipe(path: string): void;
  folder(path: string): void;
  /** A file of a size that takes no room. */
  large(path: string, bytes: number): void;
  remove(path: string): void;
  dispose(): void;
};

export const createStateRoot = (): StateRoot => {
  const root = mkdtempSync(join(tmpdir(), 'ringtail-state-'));
  const place = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  return {
    root,
    write: (path, content) => writeFileSync(place(path), typeof content === 'string' ? content : JSON.stringify(content)),
    link: (path, target) => symlinkSync(target, place(path)),
    pipe: (path) => void execFileSync('mkfifo', [place(path)]),
    folder: (path) => void mkdirSync(place(path), { recursive: true }),
    large(path, bytes) {
      writeFileSync(place(path), '');
      truncateSync(join(root, path), bytes);
    },
    remove: (path) => rmSync(join(root, path), { recursive: true, force: true }),
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
};
