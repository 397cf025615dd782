// docs/notifications.md says what is sent and how urgent each thing is.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { NOTIFY_RESULTS } from '../../../src/observe/notify/destination.ts';
import { noticeOf } from '../../../src/observe/notify/notice.ts';
import { UNIDENTIFIED, URGENCIES } from '../../../src/observe/notify/urgency.ts';
import { kebab } from '../../../src/settings.ts';
import { NOTIFY_SETTINGS } from '../../../src/settings/notify.ts';
import { anIncident, T0 } from '../../support/builders.ts';

const page = await readFile(new URL('../../../docs/notifications.md', import.meta.url), 'utf8');

test('the table has each reason with a priority of its own, and no other', () => {
  const rows = [...page.matchAll(/^\| ([A-Z]\w+) \| `(\w+)` \|/gm)].map(([, priority, reason]) => [
    reason,
    priority,
  ]);
  expect(Object.fromEntries(rows)).toEqual(URGENCIES);
  expect(rows).toHaveLength(Object.keys(URGENCIES).length);
  expect(page).toContain(`\`${UNIDENTIFIED}\``);
});

test('the tables have each setting and each result', () => {
  const flags = Object.keys(NOTIFY_SETTINGS).map((name) => `--${kebab(name)}`);
  expect(flags.filter((flag) => !page.includes(`\`${flag}\``))).toEqual([]);
  expect([...page.matchAll(/^\| `([A-Z][a-z]+)` \|/gm)].map(([, result]) => result)).toEqual([
    ...NOTIFY_RESULTS,
  ]);
});

test('the example is what is sent', () => {
  const [, example = ''] = /```json\n([^`]+)```/.exec(page) ?? [];
  const notice = noticeOf(
    {
      regarding: {
        apiVersion: 'v1',
        kind: 'DriftIncident',
        namespace: 'shop',
        name: 'i',
        uid: 'incident-uid',
      },
      news: anIncident({ status: { reports: {}, phase: 'Quarantined' } }),
      type: 'Normal',
      reason: 'DriftIsolated',
      action: 'Isolate',
      note: 'traffic is denied',
    },
    { instance: 'responder-0', time: T0 },
  );
  expect(JSON.parse(example)).toEqual(notice);
});
