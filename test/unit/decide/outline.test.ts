// The plan in words, for people.
import { describe, expect, test } from 'vitest';
import { outline } from '../../../src/decide/form.ts';
import { aContribution, anIncident } from '../../support/builders.ts';
import { someFacts } from './plan-support.ts';

describe('the outline for people', () => {
  test('lists the steps in order with the form', () => {
    const { mode, steps, form } = outline(anIncident(), someFacts());
    const all = ['Isolate', 'Capture', 'Evict', 'Verify'];
    expect({ mode, steps, form }).toEqual({ mode: 'Enforce', steps: all, form: 'Orphan' });
  });

  test('tells in Audit what would be done and that nothing is', () => {
    const audited = outline(anIncident({ policies: [aContribution({ mode: 'Audit' })] }), someFacts());
    expect(audited).toMatchObject({ mode: 'Audit', steps: ['Isolate', 'Capture', 'Evict', 'Verify'] });
    expect(audited.message).toContain('nothing is touched');
  });

  test('is no longer than the record takes', () => {
    const incident = anIncident({ policies: [aContribution({ mode: 'Audit' })] });
    incident.spec.trigger.recordedOnly = 'x'.repeat(512);
    const exemption = { policy: 'p'.repeat(253), name: 'n'.repeat(63), reason: 'r'.repeat(256), until: 0 };
    expect(outline(incident, someFacts({ exemption })).message).toHaveLength(1024);
  });

  test('stays as it was told to people while what is done stays the same', () => {
    const first = outline(anIncident(), someFacts({ workload: { quarantinedOthers: 0, readyOthers: 0 } }));
    const later = outline(anIncident({ status: { plan: first } }), someFacts());
    const { needs, ...told } = first;
    expect(needs).toEqual(['LastReadyCopy']);
    expect(later).toEqual(told);
    expect(later.form).toBe('Gentle');
  });
});
