/** What `ringtail events` shows without a Ringtail that runs: programs of its own tell of what is asked for, and of nothing else. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { openAloneEvents } from '../../../src/commands/events/alone.ts';
import { systemContext } from '../../../src/commands/system-context.ts';
import { everyEvent } from '../../../src/live/events/filter.ts';
import type { LiveEvent } from '../../../src/live/events/types.ts';
import { waitFor } from '../harness/pipeline.ts';
import type { Scenario } from '../harness/scenario.ts';

const OPENS = 5;

const asked: Scenario = {
  name: 'events alone: programs, files that are there and files that are not, by path and user',
  async run({ folder, copy, run }) {
    const [there, missing] = [`${folder}/there`, `${folder}/missing`];
    writeFileSync(there, '');
    const program = copy('opens', 'opens-asked');
    const events: LiveEvent[] = [];
    const filter = { ...everyEvent, events: ['exec', 'exit', 'file.open'], users: ['0'], paths: [folder] };
    const feed = await openAloneEvents(filter, systemContext(), '/');
    const ended = (async () => {
      for await (const message of feed) {
        assert.notEqual(message.type, 'missed');
        if (message.type === 'event') events.push(message);
      }
    })();
    try {
      const other = await run('opens', [String(OPENS), '/proc/self/stat', '/nowhere/at/all']);
      const { pid } = await run('opens', [String(OPENS), there, '/proc/self/stat', missing], { path: program });
      await waitFor('the end of the program', () =>
        events.some(({ event, attributes }) => event === 'ringtail.process.exit' && attributes['process.pid'] === pid),
      );
      assert.notEqual(pid, other.pid);
      const told = events
        .filter(({ attributes }) => attributes['process.pid'] === pid)
        .map(({ event, attributes }) => [event, attributes['file.path'] ?? attributes['ringtail.file.requested'], attributes['error.type']].join(' '));
      const count = (text: string): number => told.filter((line) => line.startsWith(text)).length;
      assert.equal(count('ringtail.process.exec'), 1);
      assert.equal(count('ringtail.process.exit'), 1);
      assert.equal(count(`ringtail.file.open ${there}`), OPENS);
      assert.equal(count(`ringtail.file.open ${missing} ENOENT`), OPENS);
      assert.equal(told.length, 2 * OPENS + 2);
      assert.deepEqual(
        events.filter(({ attributes }) => attributes['process.pid'] === other.pid && String(attributes['process.executable.path']).startsWith(folder)),
        [],
      );
    } finally {
      await feed.close();
      await ended;
    }
  },
}; // prettier-ignore

export const liveEventScenarios: readonly Scenario[] = [asked];
