// What `die-operator uninstall` says of what it finds: what it clears, what is for a person, and what goes by itself.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../src/api/names.ts';
import { actLine, asJson, isLeft, remainsText } from '../../../src/commands/uninstall/print.ts';
import { remainsOf, type Found, type Remain } from '../../../src/commands/uninstall/remains.ts';
import { anIncident, T0 } from '../../support/builders.ts';

const NAME = 'web-1-abcdef0123-1';
const NONE: Found = {
  pods: [],
  incidents: [],
  faulty: [],
  denyPolicies: [],
  lists: [],
  entries: [],
  helpers: [],
  own: [],
};
const ORPHAN = { [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' };
const NAMED = { [INCIDENT_ANNOTATION]: NAME };

function pod(metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  return object({ name: 'web-1', uid: 'pod-uid-1', labels: ORPHAN, annotations: NAMED, ...metadata });
}

function object(metadata: Partial<KubeObject['metadata']>): KubeObject {
  const rest = { namespace: 'shop', resourceVersion: '1', creationTimestamp: T0, name: 'x', uid: 'u' };
  return { apiVersion: 'v1', kind: 'Any', metadata: { ...rest, ...metadata } };
}

const OPEN = anIncident({ status: { phase: 'Quarantined', isolation: { form: 'Orphan', at: T0 } } });
const OVER = anIncident({ status: { phase: 'Failed' }, metadata: { finalizers: [] } });

function remains(found: Partial<Found>, protectedNamespaces: string[] = []): Remain[] {
  return remainsOf({ ...NONE, ...found }, new Set(protectedNamespaces));
}

function ofPod(
  metadata: Partial<KubeObject['metadata']>,
  incidents: DriftIncident[] = [],
): Remain | undefined {
  return remains({ pods: [pod(metadata)], incidents }).find(({ kind }) => kind === 'Pod');
}

describe('a pod', () => {
  test('is put back byte for byte by its open incident, and by one that is over', () => {
    for (const incident of [OPEN, OVER])
      expect(ofPod({}, [incident])).toEqual({
        kind: 'Pod',
        namespace: 'shop',
        name: 'web-1',
        uid: 'pod-uid-1',
        by: 'Clear',
        message: `is quarantined; DriftIncident ${NAME} puts it back as it was, byte for byte`,
      });
  });

  test('keeps labels that others added, and that is said', () => {
    const { message } = ofPod({ labels: { ...ORPHAN, b: '1', a: '2', app: 'decoy' } }, [OPEN]) ?? {};
    expect(message).not.toContain('byte for byte');
    expect(message).toContain('labels that others added stay (a, b)');
    expect(message).toContain('labels that others changed get back what was recorded (app)');
  });

  test('with a firewall, or an incident that is being deleted, is told to have it', () => {
    const status = {
      phase: 'Quarantined',
      isolation: { form: 'Orphan', at: T0, cut: { begunAt: T0 } },
    } as const;
    const incident = anIncident({ status, metadata: { deletionTimestamp: T0 } });
    const { message, by } = ofPod({}, [incident]) ?? {};
    expect(by).toBe('Clear');
    expect(message).toContain('the firewall in its network is taken away first');
    expect(message).toContain('the incident is being deleted');
  });

  test.for<[what: string, metadata: Partial<KubeObject['metadata']>, message: RegExp, cure: RegExp]>([
    ['whose incident is gone', {}, /which is gone/, /^delete it: kubectl delete pod web-1 -n shop$/],
    ['labelled by hand', { annotations: {} }, /by hand$/, /kubectl label pod web-1 -n shop .*quarantine-$/],
    ['that is being deleted', { deletionTimestamp: T0 }, /^is being deleted$/, /when it is gone$/],
    [
      'with the severity and the annotation only',
      { labels: { app: 'web', [SEVERITY_LABEL]: 'error' } },
      /^carries die-operator.dev\/severity, die-operator.dev\/incident, and no/,
      /^kubectl label pod web-1 -n shop die-operator.dev\/severity- && kubectl annotate pod web-1 -n shop die-operator.dev\/incident-$/,
    ],
    [
      'with another value of the label',
      { labels: { [QUARANTINE_LABEL]: 'x' }, annotations: {} },
      /^carries die-operator.dev\/quarantine, and no/,
      /^kubectl label pod web-1 -n shop die-operator.dev\/quarantine-$/,
    ],
  ])('%s is for a person', ([, metadata, message, cure]) => {
    const found = ofPod(metadata);
    expect(found?.by).toBe('Person');
    expect(found?.message).toMatch(message);
    expect(found?.cure).toMatch(cure);
  });

  test('in a protected namespace is left alone, whatever an incident says', () => {
    const [found] = remains({ pods: [pod()], incidents: [OPEN] }, ['shop']);
    expect(found).toMatchObject({ by: 'Person', message: expect.stringContaining('left alone') });
  });

  test('that carries nothing is not listed: it is there for its incident', () => {
    const found = remains({ pods: [pod({ labels: { app: 'web' }, annotations: {} })], incidents: [] });
    expect(found).toEqual([]);
  });

  test('of a later UID is none that the incident is about', () => {
    const [later, incident] = remains({ pods: [pod({ uid: 'later' })], incidents: [OPEN] });
    expect(later).toMatchObject({ kind: 'Pod', by: 'Person' });
    expect(incident).toMatchObject({
      kind: 'DriftIncident',
      by: 'Clear',
      message: expect.stringContaining('gone'),
    });
  });
});

describe('an incident with our finalizer', () => {
  test.for<[what: string, pods: KubeObject[], namespaces: string[], by: string, message: string]>([
    ['goes with its pod', [pod()], [], 'Clear', 'holds its finalizer until pod web-1 is restored'],
    ['waits for a person', [pod()], ['shop'], 'Person', 'holds its finalizer until pod web-1 is dealt with'],
    ['whose pod is gone', [], [], 'Clear', 'holds its finalizer, and its pod is gone'],
    [
      'whose pod is as it was',
      [pod({ labels: { app: 'web', 'pod-template-hash': '5d4' }, annotations: {} })],
      [],
      'Clear',
      'holds its finalizer, and nothing of it is left on its pod',
    ],
  ])('%s', ([, pods, namespaces, by, message]) => {
    const found = remains({ pods, incidents: [OPEN] }, namespaces);
    expect(found.find(({ kind }) => kind === 'DriftIncident')).toMatchObject({ by, message });
  });

  test('that cannot be read is for a person', () => {
    const [found] = remains({ faulty: [{ incident: object({ name: 'odd' }), fault: 'upgrade' }] });
    expect(found).toMatchObject({ by: 'Person', message: 'holds its finalizer: upgrade' });
    expect(found?.cure).toContain('kubectl patch driftincident odd -n shop');
  });

  test('is not listed without it', () => {
    expect(remains({ incidents: [OVER] })).toEqual([]);
  });
});

describe('what isolates and protects', () => {
  const shared = { denyPolicies: [object({ name: 'p' })], lists: [object({ name: 'l' })] };

  test('goes where every pod is put back, also with helper pods', () => {
    const helpers = [object({ name: 'canary', namespace: 'die-operator-capture' })];
    const found = remains({ ...shared, helpers, pods: [pod()], incidents: [OVER] });
    expect(found.map(({ kind, by }) => `${kind} ${by}`)).toEqual([
      'Pod Clear',
      'HelperPod Clear',
      'NetworkPolicy Clear',
      'ConfigMap Clear',
    ]);
  });

  test('stays in a namespace where a pod stays quarantined, and only there', () => {
    const elsewhere = object({ name: 'p', namespace: 'bank' });
    const found = remains({ ...shared, denyPolicies: [object({ name: 'p' }), elsewhere], pods: [pod()] });
    expect(found.slice(1).map(({ kind, namespace, by }) => `${kind} ${namespace} ${by}`)).toEqual([
      'NetworkPolicy shop Person',
      'NetworkPolicy bank Clear',
      'ConfigMap shop Person',
    ]);
  });

  test('the list of the cluster is cleared of pods that are not quarantined', () => {
    const entries = ['pod-uid-1', 'gone'].map((uid) => ({ namespace: 'shop', name: 'web-1', uid }));
    const found = remains({ entries, pods: [pod()] });
    expect(found.filter(({ kind }) => kind === 'ListEntry')).toMatchObject([{ uid: 'gone', by: 'Clear' }]);
  });
});

describe('printing', () => {
  const all = remains({
    pods: [pod(), pod({ name: 'web-2', uid: 'x' })],
    incidents: [OVER],
    own: [{ kind: 'Lease', name: 'l' }],
  });

  test('has a line for each, the cure below it, and one that counts', () => {
    expect(remainsText(all).split('\n')).toEqual([
      `clear  Pod shop/web-1: is quarantined; DriftIncident ${NAME} puts it back as it was, byte for byte`,
      `you    Pod shop/web-2: quarantined by DriftIncident ${NAME}, which is gone or cannot be read: the labels that it had are lost`,
      '       delete it: kubectl delete pod web-2 -n shop',
      'config Lease die-operator-system/l: goes with its namespace',
      '2 left: 1 for --clear, 1 for you; 1 in die-operator’s own namespace',
      '',
    ]);
  });

  test('what goes with our namespace is not left', () => {
    const own = remains({ own: [{ kind: 'Lease', name: 'l' }] });
    expect(isLeft(own)).toBe(false);
    expect(isLeft(all)).toBe(true);
    expect(remainsText(own)).toMatch(/nothing is left; 1 in die-operator’s own namespace\n$/);
    expect(remainsText([])).toBe('nothing is left\n');
  });

  test('shows nothing that a terminal would obey', () => {
    const annotations = { [INCIDENT_ANNOTATION]: 'a\u001b[2J\nclear  Pod x' };
    const text = remainsText(remains({ pods: [pod({ annotations })] }));
    expect(text.split('\n')).toHaveLength(4);
    expect(text).toContain('a\\u{1b}[2J\\u{a}clear  Pod x');
    const line = actLine({ kind: 'Pod', namespace: 'shop', name: 'web-1', done: false, message: 'x\u001b' });
    expect(line).toBe('FAILED  Pod shop/web-1: x\\u{1b}\n');
    expect(asJson(remains({ pods: [pod({ annotations })] }))).not.toContain('\u001b');
  });

  test('as JSON it is the same for programs, with what was cleared', () => {
    expect(JSON.parse(asJson(all))).toEqual({ left: all, summary: { clear: 1, person: 1, config: 1 } });
    expect(JSON.parse(asJson([], []))).toMatchObject({ cleared: [], left: [] });
  });
});
