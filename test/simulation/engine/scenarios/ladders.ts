// A Deployment, one alert about one of its pods, and policies that ask for more or less.
import type { Action, Mode } from '../../../../src/api/policy.ts';
import type { Scenario } from '../scenario.ts';

/** Every action. */
export const ALL: Action[] = ['Label', 'Isolate', 'Capture', 'Evict'];

/** A policy that asks for those actions from Warning up. */
export function rung(actions: readonly Action[] = ALL, mode: Mode = 'Enforce'): object {
  return { mode, responses: [{ name: 'rung', minSeverity: 'Warning', actions }] };
}

const LADDER: readonly { name: string; mode: Mode; actions: Action[]; ends: string[] }[] = [
  { name: 'replace', mode: 'Enforce', actions: ALL, ends: ['Resolved'] },
  { name: 'contain', mode: 'Enforce', actions: ['Label', 'Isolate', 'Capture'], ends: ['Quarantined'] },
  { name: 'isolate', mode: 'Enforce', actions: ['Isolate'], ends: ['Quarantined'] },
  { name: 'label', mode: 'Enforce', actions: ['Label'], ends: ['Recorded'] },
  { name: 'capture-evict', mode: 'Enforce', actions: ['Capture', 'Evict'], ends: ['Resolved'] },
  { name: 'audit', mode: 'Audit', actions: ALL, ends: ['Audit'] },
];

export const LADDERS: readonly Scenario[] = LADDER.map(({ name, mode, actions, ends }) => ({
  name,
  about: `one alert, and a policy in ${mode} that asks for ${actions.join(', ')}`,
  ends,
  setUp: async (stage) => {
    await stage.deployment(3);
    stage.policy(rung(actions, mode));
  },
  play: (stage) => stage.alert(stage.pod(), 'First'),
}));
