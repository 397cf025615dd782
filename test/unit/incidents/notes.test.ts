// What the record says of an isolation: since when the pod is in quarantine, and who refused the form that was wanted.
import { describe, expect, test } from 'vitest';
import type { IsolationForm } from '../../../src/api/incident.ts';
import { noteFailed, noteIsolated } from '../../../src/incidents/notes.ts';
import { anIncident, NOW, T0 } from '../../support/builders.ts';

const LATER = '2026-11-22T03:00:00.000Z';

function isolated(before: IsolationForm | undefined, form: IsolationForm, deniedBy?: string) {
  const status = before ? { status: { isolation: { form: before, at: T0 } } } : {};
  const name = form === 'LabelOnly' ? 'Label' : 'Isolate';
  const change = { name, form, deniedBy, message: 'm' } as const;
  return noteIsolated(anIncident(status), change, LATER).status?.isolation;
}

describe('a quarantine', () => {
  test.each<[IsolationForm | undefined, IsolationForm, string]>([
    [undefined, 'Orphan', LATER],
    ['LabelOnly', 'Orphan', LATER],
    ['LabelOnly', 'LabelOnly', T0],
    ['Orphan', 'Orphan', T0],
    ['Gentle', 'Gentle', T0],
  ])('after %s, as %s, is as old as its first isolation', (before, form, at) => {
    expect(isolated(before, form)?.at).toBe(at);
  });

  test('names who refused to take the labels away, and keeps the name when it is noted again', () => {
    const first = anIncident({ status: { isolation: { form: 'Gentle', at: T0, deniedBy: 'labels' } } });
    const change = { name: 'Isolate', form: 'Gentle', message: 'm' } as const;
    expect(noteIsolated(first, change, LATER).status?.isolation?.deniedBy).toBe('labels');
    expect(isolated(undefined, 'Gentle', 'labels')?.deniedBy).toBe('labels');
    expect(isolated(undefined, 'Orphan', undefined)).not.toHaveProperty('deniedBy');
  });
});

test('a step that only waits is no failure, and says when it is tried again', () => {
  const waiting = { kind: 'waiting', reason: 'ReplicaSetUnsettled', message: 'm', afterMs: 500 } as const;
  const { status } = noteFailed(anIncident(), 'Settle', waiting, NOW);
  expect(status?.steps).toMatchObject([
    { name: 'Settle', state: 'Waiting', nextAttemptAt: new Date(NOW + 500).toISOString() },
  ]);
});
