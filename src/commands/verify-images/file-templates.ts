// The pods and pod templates in manifests: where each stands, its labels, and what its containers are to run.
import type { ImageFacts } from '../../api/pod.ts';
import { objectAt, objectsAt, textAt, type Json } from '../../decide/template-finding.ts';
import type { Manifest } from '../manifests/read.ts';
import type { ImageRow, Place } from './report.ts';

/** A container of a template. */
export interface FileContainer extends ImageFacts {
  kind: ImageRow['kind'];
}

/** See the file's first line. */
export interface FileTemplate {
  place: Place;
  labels: Readonly<Record<string, string>>;
  containers: readonly FileContainer[];
}

/** Where a kind has its pod, by group and kind. */
const PATHS: ReadonlyMap<string, readonly string[]> = new Map([
  [' Pod', []],
  [' ReplicationController', ['spec', 'template']],
  ['apps Deployment', ['spec', 'template']],
  ['apps ReplicaSet', ['spec', 'template']],
  ['apps StatefulSet', ['spec', 'template']],
  ['apps DaemonSet', ['spec', 'template']],
  ['batch Job', ['spec', 'template']],
  ['batch CronJob', ['spec', 'jobTemplate', 'spec', 'template']],
]);
const LISTS = [
  ['containers', 'Container'],
  ['initContainers', 'Init'],
  ['ephemeralContainers', 'Ephemeral'],
] as const;

/** Undefined: the object starts no pods. @param namespace where it is if it does not say so. */
export function templateIn({ file, line, object }: Manifest, namespace: string): FileTemplate | undefined {
  const [apiVersion, kind] = [textAt(object['apiVersion']), textAt(object['kind'])];
  const group = apiVersion.includes('/') ? (apiVersion.split('/', 1)[0] ?? '') : '';
  const path = PATHS.get(`${group} ${kind}`);
  if (!path) return undefined;
  const metadata = objectAt(object['metadata']);
  const pod = path.reduce<Json>((part, key) => objectAt(part[key]), object);
  const spec = objectAt(pod['spec']);
  return {
    place: {
      namespace: textAt(metadata['namespace']) || namespace,
      object: `${kind}/${textAt(metadata['name']) || `${textAt(metadata['generateName'])}*`}`,
      workload: null,
      source: `${file === '-' ? '(standard input)' : file}:${line}`,
    },
    labels: textsAt(objectAt(pod['metadata'])['labels']),
    containers: LISTS.flatMap(([list, is]) =>
      objectsAt(spec[list]).map(({ name, image }) => ({
        name: textAt(name),
        image: textAt(image),
        kind: is,
      })),
    ),
  };
}

function textsAt(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(objectAt(value)).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}
