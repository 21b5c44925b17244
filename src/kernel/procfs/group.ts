/** Groups of this host by /etc/group. */
import { readFile } from 'node:fs/promises';

/** Number of a group by its name, or by the number itself; undefined: there is none. Rejects when they cannot be read. */
export const groupNumber = async (group: string): Promise<number | undefined> => {
  if (/^\d{1,10}$/.test(group)) return Number(group);
  const lines = (await readFile('/etc/group', 'utf8')).split('\n').map((line) => line.split(':'));
  const number = lines.find(([name]) => name === group)?.[2];
  return number === undefined || !/^\d{1,10}$/.test(number) ? undefined : Number(number);
};
