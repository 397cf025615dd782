// Alerts as the real Falcosidekick sends them: a recorded body in which only who and when are replaced.
import { readFileSync } from 'node:fs';
import type { KubeObject } from '../../src/api/meta.ts';
import { podFacts } from '../../src/api/pod.ts';

interface Recording {
  received: { request: { body: string } }[];
}

/** The body of a recorded request, by the recording's name in test/fixtures/falcosidekick. */
export function recordedBody(name: string): Record<string, unknown> {
  const file = new URL(`../fixtures/falcosidekick/${name}.json`, import.meta.url);
  const body = (JSON.parse(readFileSync(file, 'utf8')) as Recording).received[0]?.request.body;
  if (body === undefined) throw new Error(`${name}: Falcosidekick sent nothing in this recording`);
  return JSON.parse(body) as Record<string, unknown>;
}

/** What can differ from the recording. */
export interface AlertChange {
  priority?: string;
  rule?: string;
  /** RFC 3339. */
  time: string;
  fields?: Record<string, unknown>;
  hostname?: string;
}

/** The recorded alert about a container of that pod: identity and time are the pod's, all else as it was sent. */
export function alertAbout(pod: KubeObject, change: AlertChange): Record<string, unknown> {
  const recorded = recordedBody('01-normal');
  const { namespace, name, nodeName, containers } = podFacts(pod);
  const { fields, ...rest } = change;
  const id = containers[0]?.containerID?.split('//')[1];
  return {
    ...recorded,
    ...(nodeName !== undefined && { hostname: nodeName }),
    ...rest,
    output_fields: {
      ...(recorded['output_fields'] as object),
      'k8s.ns.name': namespace,
      'k8s.pod.name': name,
      'container.id': id?.slice(0, 12) ?? null,
      'container.name': containers[0]?.name,
      ...fields,
    },
  };
}
