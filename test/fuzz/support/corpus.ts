// Real documents that inputs are made of.
import { globSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { natsBodies, recordings, falcoLine, falcoRequest, sidekick } from '../../unit/detect/recorded.ts';
import type { Json } from './noise.ts';

const NOT_ONE_ALERT = new Set(['http-request-as-received', '08-nats-messages']);

/** Alerts as Falco and Falcosidekick sent them. */
export function recordedAlerts(): Json[] {
  const lines = recordings('falco')
    .filter((name) => !NOT_ONE_ALERT.has(name))
    .map(falcoLine);
  const bodies = recordings('falcosidekick')
    .filter((name) => !NOT_ONE_ALERT.has(name))
    .flatMap((name) => sidekick(name).request?.body ?? []);
  return [...lines, falcoRequest().body, ...bodies, ...natsBodies()].map((text) => JSON.parse(text) as Json);
}

/** Specs of policies: those of `examples/*.yaml`, and one with every field. */
export function policySpecs(): Json[] {
  const folder = new URL('../../../examples/', import.meta.url).pathname;
  const documents = globSync(`${folder}*.yaml`)
    .toSorted()
    .flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8')))
    .map((document) => document.toJS() as { kind?: string; spec: Json });
  return [
    ...documents.filter(({ kind }) => kind === 'DriftPolicy').map(({ spec }) => spec),
    specWithEverything(),
  ];
}

function specWithEverything(): Json {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }],
  };
  return {
    mode: 'Enforce',
    match: { podSelector: selector, images: ['registry.example/*', '*nginx*:*'] },
    responses: [
      { name: 'note', minSeverity: 'Debug', actions: ['Label'] },
      { name: 'contain', rules: ['DIE *', '*binary*'], actions: ['Label', 'Isolate', 'Capture', 'Evict'] },
    ],
    eviction: {
      gracePeriodSeconds: 30,
      waitForBudget: '1h30m',
      then: 'Delete',
      replacement: { require: 'Pinned', readyWithin: '90s', quietFor: '0s' },
    },
    approval: { requiredFor: ['StatefulSet', 'LastReadyCopy', 'Always'], before: 'Isolate', within: '2h' },
    limits: {
      perWorkload: {
        quarantined: 0,
        evicting: 2,
        maxUnavailable: '50%',
        recurrences: 0,
        recurrenceWindow: '1h',
      },
      perNamespace: { quarantined: 3, evictions: 0, window: '5m' },
      cooldown: '0s',
    },
    approvedImages: [`registry.example/shop/web@sha256:${'1'.repeat(64)}`],
  };
}
