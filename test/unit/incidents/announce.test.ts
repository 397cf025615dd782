// What a wait tells people, and that a capture which is tried again and again tells them nothing new.
import { describe, expect, test } from 'vitest';
import { EVIDENCE_MISSING } from '../../../src/decide/evidence.ts';
import { announceStep, announceWait } from '../../../src/incidents/announce.ts';
import { noteConfirmation } from '../../../src/incidents/confirm-step.ts';
import { noteEvidenceOwed } from '../../../src/incidents/notes.ts';
import { IncidentRecord } from '../../../src/incidents/record.ts';
import { Snapshots } from '../../../src/incidents/snapshots.ts';
import { withCondition } from '../../../src/incidents/status.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import type { EventInput } from '../../../src/kube/events.ts';
import type { Logger } from '../../../src/observe/log.ts';
import { anIncident, T0 } from '../../support/builders.ts';

function stage() {
  const notes: string[] = [];
  const log = { info: () => {}, warn: () => {} } as unknown as Logger;
  const snapshots = new Snapshots();
  const events = { record: ({ reason, note }: EventInput) => void notes.push(`${reason}: ${note}`) };
  const context = {
    events,
    log,
    snapshots,
    metrics: { expired: () => {}, held: () => {} },
  } as unknown as Parameters<typeof announceWait>[0];
  /** Waits after a pass in which Ready had that reason. @param failure of the capture. */
  const wait = (after: string, reason: string, failure?: string) => {
    const ready = { type: 'Ready', status: 'False', reason: after, message: '' } as const;
    const stored = withCondition(anIncident(), ready, T0);
    const record = new IncidentRecord({} as KubeClient, stored);
    if (failure !== undefined) record.current = noteEvidenceOwed(stored, failure, Date.parse(T0));
    announceWait(context, record, { kind: 'Wait', phase: 'Quarantined', reason, message: 'waits' });
  };
  return { notes, wait, snapshots };
}

describe('a wait', () => {
  test('is told once however often the capture is tried again in vain', () => {
    const { notes, wait, snapshots } = stage();
    for (const attempt of [1, 2, 3]) {
      wait('Capture', EVIDENCE_MISSING, `no space at attempt-${attempt}`);
      snapshots.stored(anIncident().metadata.uid);
    }
    expect(notes).toEqual(['EvidenceMissing: waits. Last: no space at attempt-1']);
  });

  test('is told again when the capture fails in another way, or something else is waited for', () => {
    const { notes, wait } = stage();
    wait('Capture', EVIDENCE_MISSING, 'no space');
    wait('Capture', EVIDENCE_MISSING, 'no answer');
    wait('Capture', 'LastReadyCopy');
    wait('Capture', 'LastReadyCopy');
    wait('Capture', EVIDENCE_MISSING, 'no answer');
    expect(notes).toEqual([
      'EvidenceMissing: waits. Last: no space',
      'EvidenceMissing: waits. Last: no answer',
      'LastReadyCopy: waits',
      'EvidenceMissing: waits. Last: no answer',
    ]);
  });

  test('that begins anew after something else was done is told again', () => {
    const { notes, wait, snapshots } = stage();
    wait('Isolate', 'Paused');
    wait('Evict', 'Paused');
    wait('Paused', 'Paused');
    expect(notes).toHaveLength(2);
    snapshots.forget(anIncident().metadata.uid);
    wait('Capture', 'Paused');
    expect(notes).toHaveLength(3);
  });
});

/** What an announcement tells. */
function told(announce: (context: Parameters<typeof announceWait>[0]) => void): string[] {
  const notes: string[] = [];
  const log = { info: () => {}, warn: () => {} };
  const events = { record: ({ note }: EventInput) => void notes.push(note) };
  const metrics = { held: () => {} };
  announce({ events, log, metrics, snapshots: new Snapshots() } as unknown as Parameters<
    typeof announceWait
  >[0]);
  return notes;
}

describe('a program that an alert named', () => {
  // Whoever starts the program chooses its path.
  const path = '/tmp/<!channel> "http://evil.example"';
  const incident = noteConfirmation(
    anIncident(),
    { container: 'web', path },
    { state: 'NotConfirmed', message: `${JSON.stringify(path)} of container web is as in its image` },
    Date.parse(T0),
  );
  test('is looked for, and people are told of it without its path', () => {
    const notes = told((context) => announceStep(context, incident, 'Confirm'));
    expect(new Set(notes)).toEqual(
      new Set(['the program that was reported of container web is as in its image']),
    );
  });

  test('is waited for, and people are told of it without its path', () => {
    const message = `not done, as the drift is not confirmed: Evict; ${incident.status?.confirmation?.message}`;
    const record = new IncidentRecord({} as KubeClient, incident);
    const wait = { kind: 'Wait', phase: 'Quarantined', reason: 'NotConfirmed', message } as const;
    const [note] = told((context) => announceWait(context, record, wait));
    expect(note).toMatch(/^not done.*: Evict; the program that was reported of container web/);
  });
});
