/** A C project that make builds from nothing. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type CProject = {
  readonly files: number;
  /** Lines of each: what the compiler has to do. */
  readonly lines?: number;
  /** What stands before each call of the compiler. */
  readonly wrapper?: string;
  /** What make runs when all is linked. */
  readonly afterwards?: string;
};

/** Writes it into the folder, which it empties before: nothing of it is built. `make` makes `program`. */
export const writeCProject = (folder: string, { files, lines = 1, wrapper = '', afterwards = '' }: CProject): void => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const names = Array.from({ length: files }, (_, index) => `f${index}`);
  for (const [index, name] of names.entries()) {
    const steps = Array.from({ length: lines }, (_, line) => `\tx = x * ${line + 3} + ${index};`).join('\n');
    writeFileSync(join(folder, `${name}.c`), `int ${name}(int x)\n{\n${steps}\n\treturn x;\n}\n`);
  }
  const calls = names.map((name) => `int ${name}(int);`).join('\n');
  writeFileSync(join(folder, 'main.c'), `${calls}\nint main(int argc, char **argv)\n{\n\t(void)argv;\n\treturn f0(argc) ? 0 : 1;\n}\n`);
  const objects = ['main', ...names].map((name) => `${name}.o`).join(' ');
  const gcc = `${wrapper} gcc`.trim();
  const last = afterwards === '' ? '' : `\t${afterwards}\n`;
  writeFileSync(
    join(folder, 'Makefile'),
    `all: program\n${last}program: ${objects}\n\t${gcc} -o $@ $^\n%.o: %.c\n\t${gcc} -O1 -c -o $@ $<\n`,
  );
};
