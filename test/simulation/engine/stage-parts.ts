// What a stage keeps of alerts, and what it makes of the policies of its stories.
import type { KubeObject } from '../../../src/api/meta.ts';
import type { Role } from '../../../src/api/names.ts';
import { parseDefender } from '../../../src/detect/defender.ts';
import { parseFalco } from '../../../src/detect/falco.ts';
import { alertAbout, type AlertChange } from '../../support/alerts.ts';
import { DEFENDER, defenderAlertAbout, type DefenderChange } from '../../support/defender-alerts.ts';
import type { History } from './history.ts';
import type { AlertAnswer } from './replica.ts';

/** An alert that somebody sent, and what became of it. */
export interface SentAlert {
  rule: string;
  /** Of the detection that the operator makes of it. */
  id: string;
  /** UID of the pod that it is about; undefined if it names none that there is. */
  pod: string | undefined;
  severity: string;
  /** When it was first sent, in milliseconds after the start. */
  at: number;
  /** Which receivers answered what, in order. */
  answers: { replica: string; life: number; at: number; answer: AlertAnswer }[];
  /** Nothing must come of it: no credential, or too old. */
  harmless: boolean;
  /** Its rule was told before: it may be counted only. */
  repeat: boolean;
}

/** An alert as somebody sends it. */
export interface SpokenAlert {
  path: '/v1/falco' | '/v1/defender';
  body: Record<string, unknown>;
  id: string;
  severity: string;
}

/** An alert of Falco. @param time RFC 3339. */
export function falcoSays(pod: KubeObject, change: AlertChange): SpokenAlert {
  const body = alertAbout(pod, change);
  const parsed = parseFalco(body, change.time);
  const id = parsed.kind === 'Detection' ? parsed.detection.summary.id : '';
  return { path: '/v1/falco', body, id, severity: String(body['priority']) };
}

/** An alert of Defender. */
export function defenderSays(pod: KubeObject, change: DefenderChange): SpokenAlert {
  const body = defenderAlertAbout(pod, change);
  const parsed = parseDefender(body, change.startTimeUtc, DEFENDER);
  const found = parsed.kind === 'Detection' ? parsed.detection.summary : undefined;
  return { path: '/v1/defender', body, id: found?.id ?? '', severity: found?.severity ?? 'Critical' };
}

/** Settings of a policy; time is free here, so a replacement has to be quiet. */
export function watched(spec: { eviction?: { replacement?: object } }): object {
  const { eviction } = spec;
  return { ...spec, eviction: { ...eviction, replacement: { quietFor: '20s', ...eviction?.replacement } } };
}

/** All replicas are alike: one of them leads, and all take alerts in. */
export function layout(replicas: History['replicas']): (readonly Role[])[] {
  return Array.from({ length: replicas }, () => ['receiver', 'responder'] as const);
}
