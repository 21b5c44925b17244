/** Containers, pods and units by what they are called, each once for all cgroups that belong to it. */
import { containerOf } from './describe.ts';
import { newLoad, type Load } from './loader.ts';
import type { CgroupIdentity, Container } from './types.ts';

export type Subject = { readonly number: number; readonly key: string; container: Container; readonly load: Load; references: number };

export type Subjects = {
  /** The one of this identity, with a reference taken. */
  retain(identity: CgroupIdentity): Subject;
  release(subject: Subject): void;
  /** By its number; 0 is nobody's. */
  get(number: number): Subject | undefined;
  all(): Iterable<Subject>;
};

/** What a path says of a container may depend on the hierarchy, its id does not. */
const keyOf = ({ containerId, runtime, podUid, qos, unit }: CgroupIdentity): string =>
  containerId === undefined
    ? JSON.stringify([podUid, qos, unit])
    : JSON.stringify([containerId, /^[0-9a-f]{64}$/.test(containerId) ? '' : runtime, podUid]);

export const createSubjects = (): Subjects => {
  const byKey = new Map<string, Subject>();
  const byNumber: (Subject | undefined)[] = [undefined];
  const freeNumbers: number[] = [];
  return {
    retain(identity) {
      const key = keyOf(identity);
      let subject = byKey.get(key);
      if (subject === undefined) {
        const number = freeNumbers.pop() ?? byNumber.length;
        subject = { number, key, container: containerOf(identity, undefined), load: newLoad(), references: 0 };
        byKey.set(key, subject);
        byNumber[number] = subject;
      }
      subject.references++;
      return subject;
    },
    release(subject) {
      if (--subject.references > 0) return;
      byKey.delete(subject.key);
      byNumber[subject.number] = undefined;
      freeNumbers.push(subject.number);
    },
    get: (number) => byNumber[number],
    all: () => byKey.values(),
  };
};
