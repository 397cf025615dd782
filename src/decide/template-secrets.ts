// Which secrets a template uses, and which a container gets hold of that the template does not have.
import { environmentSecrets } from './template-environment.ts';
import { isAbsent, objectAt, objectsAt, textAt, type Json } from './template-finding.ts';
import { mountsOf } from './template-mounts.ts';
import { sourcesOf, type Volumes } from './template-volumes.ts';

/** In volumes for which the node asks a driver or server: `secretRef`, `nodePublishSecretRef`. */
const REFERENCE = /secretRef$/i;

/** Secrets by their names, each as `Secret db`; what a driver hands out as `SecretProviderClass db`. */
export interface Secrets {
  /** All that containers and volumes of the template use, and by what its images are pulled. */
  ofTemplate: ReadonlySet<string>;
  /** Those in volumes that the template does not have, by the name of the volume. */
  brought: ReadonlyMap<string, readonly string[]>;
}

/** Reads the secrets. @param template spec of the template. */
export function readSecrets(template: Json, { runs, approved }: Volumes): Secrets {
  const containers = [...objectsAt(template['containers']), ...objectsAt(template['initContainers'])];
  const brought = runs
    .filter(({ name }) => !approved.has(textAt(name)))
    .map((volume) => [textAt(volume['name']), secretsOfVolume(volume)] as const);
  return {
    ofTemplate: new Set([
      ...containers.flatMap(environmentSecrets),
      ...objectsAt(template['volumes']).flatMap(secretsOfVolume),
      ...named('Secret', objectsAt(template['imagePullSecrets']).map(nameOf)),
    ]),
    brought: new Map(brought),
  };
}

/** Those that a container has in its environment, and by volumes that the template does not have. */
export function secretsOfContainer(container: Json, { brought }: Secrets): Set<string> {
  const mounted = mountsOf(container).flatMap(({ name }) => brought.get(textAt(name)) ?? []);
  return new Set([...environmentSecrets(container), ...mounted]);
}

function secretsOfVolume(volume: Json): string[] {
  return sourcesOf(volume).flatMap(([, given]) => {
    const source = objectAt(given);
    const references = Object.entries(source).filter(([key]) => REFERENCE.test(key));
    const projected = objectsAt(source['sources']).map(({ secret }) => secret);
    const names = [...references.map(([, one]) => one), ...projected].map(nameOf);
    return [
      ...named('Secret', [source['secretName'], ...names]),
      // What the driver for secrets of other stores is asked for.
      ...named('SecretProviderClass', [objectAt(source['volumeAttributes'])['secretProviderClass']]),
    ];
  });
}

function nameOf(reference: unknown): unknown {
  return objectAt(reference)['name'];
}

function named(kind: string, names: readonly unknown[]): string[] {
  return names.filter((name) => !isAbsent(name)).map((name) => `${kind} ${textAt(name)}`);
}
