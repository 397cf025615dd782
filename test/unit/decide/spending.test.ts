// What has been spent of the limits, and what is held because of it.
import { describe, expect, it } from 'vitest';
import type { ActName } from '../../../src/api/ledger.ts';
import { LimitsSchema } from '../../../src/api/policy.ts';
import { situationOf } from '../../../src/decide/form.ts';
import type { SpentAct } from '../../../src/decide/ledger.ts';
import { plan } from '../../../src/decide/plan.ts';
import { orphanHeld, recurrenceNeed, spentLimit, type Spent } from '../../../src/decide/spending.ts';
import { aPod, anIncident, NOW, someSettings } from '../../support/builders.ts';
import { limitsWith, NO_LIMITS } from '../../support/limits.ts';
import { afterCapture, MINUTE, orphaned, reasonOf, ran, someFacts, spent } from './plan-support.ts';

const WEB = 'shop/apps/Deployment/web';
const HOUR = 60 * MINUTE;

let pods = 0;
const anAct = (change: Partial<SpentAct> = {}): SpentAct => ({
  at: NOW - MINUTE,
  act: 'Evict',
  namespace: 'shop',
  workload: WEB,
  node: 'node-1',
  incident: `incident-${++pods}`,
  pod: `pod-${pods}`,
  ...change,
});

function incidentWith(limits: object = {}) {
  const incident = anIncident();
  const { target } = incident.spec;
  const settings = { ...someSettings(), limits: LimitsSchema.parse(limitsWith(limits)) };
  return {
    ...incident,
    spec: {
      ...incident.spec,
      target: {
        ...target,
        workload: { apiVersion: 'apps/v1', kind: 'ReplicaSet', uid: 'rs-uid', name: 'web-5d4' },
      },
      trigger: { ...incident.spec.trigger, response: settings },
    },
  };
}

function held(of: Spent, limits: object = {}) {
  return spentLimit(situationOf(incidentWith(limits), someFacts(), aPod()), of);
}

describe('an eviction', () => {
  it('is not held while nothing was spent', () => {
    expect(held(spent([]))).toBeUndefined();
  });

  it('waits while another pod of the workload is on its way out, until a lost one must have recovered', () => {
    const limits = { perWorkload: { evicting: 1 } };
    expect(held(spent([anAct()]), limits)).toMatchObject({ reason: 'WorkloadBusy', until: NOW + 15_000 });
    expect(held(spent([anAct({ workload: 'shop/apps/Deployment/other' })]), limits)).toBeUndefined();
    // readyWithin 5m, quietFor 1m, and a grace of 1 s.
    expect(held(spent([anAct({ at: NOW - 6 * MINUTE - 999 })]), limits)?.reason).toBe('WorkloadBusy');
    expect(held(spent([anAct({ at: NOW - 6 * MINUTE - 1000 })]), limits)).toBeUndefined();
  });

  it('waits longer for one that is known to be on its way, and not for one that is over', () => {
    const limits = { perWorkload: { evicting: 1 } };
    const act = anAct({ at: NOW - 5 * HOUR });
    expect(held(spent([act], { courses: new Map([[act.incident, 'Leaving']]) }), limits)?.reason).toBe(
      'WorkloadBusy',
    );
    const young = anAct();
    expect(held(spent([young], { courses: new Map([[young.incident, 'Over']]) }), limits)).toBeUndefined();
  });

  it('waits for no cooldown that is 0, also where the clock was set back since the last eviction', () => {
    expect(held(spent([anAct({ at: NOW + 60 * MINUTE })]), { cooldown: '0s' })).toBeUndefined();
  });

  it('waits for the cooldown of its top-level workload, whichever way the last pod went', () => {
    for (const act of ['Evict', 'Delete', 'Contain'] satisfies ActName[]) {
      expect(held(spent([anAct({ act, at: NOW - MINUTE })]), { cooldown: '15m' })).toMatchObject({
        reason: 'Cooldown',
        until: NOW + 14 * MINUTE,
      });
    }
    expect(held(spent([anAct({ act: 'Orphan' })]), { cooldown: '15m' })).toBeUndefined();
    expect(held(spent([anAct({ at: NOW - 15 * MINUTE })]), { cooldown: '15m' })).toBeUndefined();
  });

  it('waits until so many have left the window of its namespace that there is room', () => {
    const acts = [9, 5, 1].map((minutes) =>
      anAct({ workload: `other-${minutes}`, at: NOW - minutes * MINUTE }),
    );
    const limits = { perNamespace: { evictions: 2, window: '10m' } };
    expect(held(spent(acts), limits)).toMatchObject({ reason: 'NamespaceLimit', until: NOW + 5 * MINUTE });
    expect(held(spent(acts.slice(2)), limits)).toBeUndefined();
    expect(held(spent(acts.map((act) => ({ ...act, namespace: 'bar' }))), limits)).toBeUndefined();
  });

  it('waits for ever where none is allowed, and says which limit that is', () => {
    const none = held(spent([]), { perNamespace: { evictions: 0 } });
    expect(none).toMatchObject({ reason: 'NamespaceLimit', message: expect.stringContaining('is 0') });
    expect(none).not.toHaveProperty('until');
    expect(held(spent([]), { perWorkload: { evicting: 0 } })).not.toHaveProperty('until');
  });

  it('counts a pod once, by however many acts it went', () => {
    const twice = [anAct({ act: 'Evict', pod: 'same' }), anAct({ act: 'Delete', pod: 'same' })];
    expect(held(spent(twice), { perNamespace: { evictions: 2 } })).toBeUndefined();
  });

  it('waits for the limits of the installation, that of the node only for pods of the same node', () => {
    const node = { ...NO_LIMITS.node, evictions: 1 };
    const limits = { ...NO_LIMITS, node };
    const act = anAct({ namespace: 'bar', workload: 'bar/x' });
    expect(held(spent([act], { limits }))?.reason).toBe('NodeLimit');
    expect(held(spent([{ ...act, node: 'node-2' }], { limits }))).toBeUndefined();
    const cluster = { ...NO_LIMITS.cluster, evicting: 1 };
    expect(held(spent([{ ...act, node: 'node-2' }], { limits: { ...NO_LIMITS, cluster } }))).toMatchObject({
      reason: 'ClusterLimit',
      message: expect.stringContaining('--cluster-evicting is 1'),
    });
  });

  it('waits for a pod that a finalizer of others keeps for its own workload only', () => {
    const act = anAct({ at: NOW - 5 * HOUR });
    const courses = new Map([[act.incident, 'Kept']] as const);
    const one = { evicting: 1 };
    const limits = { node: { ...NO_LIMITS.node, ...one }, cluster: { ...NO_LIMITS.cluster, ...one } };
    expect(held(spent([act], { courses, limits }))).toBeUndefined();
    expect(held(spent([act], { courses }), { perWorkload: { evicting: 1 } })?.reason).toBe('WorkloadBusy');
  });

  it('waits for a recovery that takes long for its own workload only', () => {
    const act = anAct({ at: NOW - HOUR / 2 });
    const courses = new Map([[act.incident, 'Leaving']] as const);
    const one = { evicting: 1 };
    const limits = { node: { ...NO_LIMITS.node, ...one }, cluster: { ...NO_LIMITS.cluster, ...one } };
    expect(held(spent([act], { courses, limits }))).toBeUndefined();
    expect(held(spent([act], { courses }), { perWorkload: { evicting: 1 } })?.reason).toBe('WorkloadBusy');
    expect(held(spent([{ ...act, at: NOW - 60_000 }], { courses, limits }))?.reason).toBe('ClusterLimit');
  });

  it.each<[string, Partial<Spent>]>([
    ['LedgerUnreadable', { acts: 'cannot be read' }],
    ['BreakerOpen', { breaker: { message: 'open', until: NOW + HOUR } }],
    ['LedgerFull', { fullUntil: NOW + HOUR }],
  ])('waits with %s, and so does one by expiry and a containment', (reason, change) => {
    const facts = someFacts({ spent: spent([], change), pod: orphaned });
    expect(reasonOf(plan(afterCapture(), facts))).toBe(reason);
    const deleted = afterCapture();
    const going = {
      ...deleted,
      metadata: { ...deleted.metadata, deletionTimestamp: new Date(NOW).toISOString() },
    };
    expect(reasonOf(plan(going, facts))).toBe(reason);
    expect(ran(plan(going, { ...facts, spent: spent([]) }))).toBe('Contain');
  });
});

describe('after so many recurrences', () => {
  const need = (acts: SpentAct[], recurrences: number) =>
    recurrenceNeed(incidentWith({ perWorkload: { recurrences, recurrenceWindow: '1h' } }), spent(acts), NOW);

  it('a person is asked, and what is older than the window or of another workload does not count', () => {
    const acts = [anAct(), anAct({ at: NOW - 59 * MINUTE })];
    expect(need(acts, 2)).toMatchObject({ need: 'Recurrence', message: expect.stringContaining('2 pods') });
    expect(need(acts, 3)).toBeUndefined();
    expect(need([anAct(), anAct({ at: NOW - HOUR })], 2)).toBeUndefined();
    expect(need([anAct(), anAct({ workload: 'x' })], 2)).toBeUndefined();
  });

  it('which may be none, each needs a person', () => {
    expect(need([], 0)).toMatchObject({ need: 'Recurrence' });
  });
});

describe('a pod is not taken out of its workload', () => {
  it('beyond the limits of cluster and node, while the breaker is open, or without the ledger', () => {
    const place = { ...NO_LIMITS.node, quarantined: 2 };
    const limits = { ...NO_LIMITS, node: place, cluster: { ...place, quarantined: 3 } };
    expect(orphanHeld(spent([], { limits, takenOut: { node: 1, cluster: 2 } }), NOW)).toBeUndefined();
    expect(orphanHeld(spent([], { limits, takenOut: { node: 2, cluster: 2 } }), NOW)?.reason).toBe(
      'NodeLimit',
    );
    expect(orphanHeld(spent([], { limits, takenOut: { node: 0, cluster: 3 } }), NOW)?.reason).toBe(
      'ClusterLimit',
    );
    const open = { message: 'open', until: NOW + HOUR };
    for (const one of [spent([], { breaker: open }), spent('unreadable')]) {
      const decision = plan(anIncident(), someFacts({ spent: one }));
      expect(decision).toMatchObject({ kind: 'Run', work: { step: 'Isolate', form: 'Gentle' } });
    }
    expect(plan(anIncident(), someFacts({ spent: spent([]) }))).toMatchObject({ work: { form: 'Orphan' } });
  });
});
