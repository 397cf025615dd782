// Where the mounts of a container differ from its template, and which of them Kubernetes and webhooks add.
import {
  canonical,
  objectAt,
  objectsAt,
  shownName,
  shownPair,
  shownPart,
  textAt,
} from './template-finding.ts';
import type { Json, TemplateFinding } from './template-finding.ts';
import { readPlaces, type HeldPlace } from './template-places.ts';
import { sourcesOf, type Volumes } from './template-volumes.ts';

/** Where admission mounts the token. */
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const LISTS = [
  { list: 'volumeMounts', by: 'mountPath' },
  { list: 'volumeDevices', by: 'devicePath' },
] as const;
/** What the finding says of a mount anyway. */
const NAMED = new Set(['mountPath', 'devicePath', 'name']);
const MOUNT_DEFAULTS = new Map([
  ['mountPropagation', 'None'],
  ['recursiveReadOnly', 'Disabled'],
]);

/** Compares what a container mounts. */
export function mountFindings(
  approved: Json,
  runs: Json,
  place: { path: string; container: string },
  volumes: Volumes,
): TemplateFinding[] {
  const hiddenBy = readPlaces([...placesOf(approved, volumes), ...placesOfToken(volumes)]);
  return LISTS.flatMap(({ list, by }) => {
    const before = new Map(objectsAt(approved[list]).map((mount) => [textAt(mount[by]), mount]));
    const now = new Map(objectsAt(runs[list]).map((mount) => [textAt(mount[by]), mount]));
    const places = new Set([...before.keys(), ...now.keys()]);
    return [...places].flatMap((at) => {
      const [a, b] = [before.get(at), now.get(at)];
      if (mountText(a) === mountText(b)) return [];
      const added = a ? undefined : b;
      const hidden = added && hiddenBy(at);
      if (added && isAdmitted(added, hidden, volumes)) return [];
      return [mountFinding({ list, at, approved: a, runs: b, hidden }, place, volumes)];
    });
  });
}

function mountFinding(
  mount: {
    list: string;
    at: string;
    approved: Json | undefined;
    runs: Json | undefined;
    hidden: string | undefined;
  },
  { path, container }: { path: string; container: string },
  volumes: Volumes,
): TemplateFinding {
  const { list, at, approved, runs, hidden } = mount;
  const texts = shownPair(mountText(approved), mountText(runs));
  const instead =
    hidden === undefined
      ? ` where its template has ${shownPart(texts.approved)}`
      : `, which hides what is to be mounted at ${shownPart(hidden)}`;
  return {
    kind: 'VolumeMount',
    container: shownName(container),
    field: `${path}.${list}[${shownPart(at)}]`,
    ...texts,
    danger: runs !== undefined && widens(objectAt(approved), runs, volumes),
    message: `container ${shownName(container)} mounts at ${shownPart(at)} ${shownPart(texts.runs)}${instead}`,
  };
}

// What admission mounts beyond the template: never in place of what the template mounts there.
function isAdmitted(mount: Json, hidden: string | undefined, volumes: Volumes): boolean {
  if (isTokenMount(mount, volumes)) return true;
  const isAllowed =
    volumes.allowed.has(textAt(mount['name'])) && mount['mountPropagation'] !== 'Bidirectional';
  return isAllowed && hidden === undefined;
}

function placesOf(approved: Json, volumes: Volumes): HeldPlace[] {
  return LISTS.flatMap(({ list, by }) =>
    objectsAt(approved[list]).map((mount) => {
      const volume = volumes.approved.get(textAt(mount['name']));
      const isEmpty = volume !== undefined && sourcesOf(volume).every(([kind]) => kind === 'emptyDir');
      return { path: textAt(mount[by]), isEmpty };
    }),
  );
}

// Nobody takes the place of the token either.
function placesOfToken({ tokenMounted }: Volumes): HeldPlace[] {
  return tokenMounted === undefined ? [] : [{ path: TOKEN_PATH, isEmpty: false }];
}

function widens(approved: Json, runs: Json, { dangerous }: Volumes): boolean {
  const isOther = (key: string) => textAt(approved[key]) !== textAt(runs[key]);
  const isWritable = ({ readOnly, recursiveReadOnly }: Json) =>
    readOnly !== true || (recursiveReadOnly !== 'Enabled' && approved['recursiveReadOnly'] === 'Enabled');
  if (runs['mountPropagation'] === 'Bidirectional' && isOther('mountPropagation')) return true;
  if (approved['readOnly'] === true && isWritable(runs)) return true;
  return dangerous.has(textAt(runs['name'])) && ['name', 'subPath', 'subPathExpr'].some(isOther);
}

function mountText(mount: Json | undefined): string {
  if (!mount) return '';
  const isDefault = (key: string, value: unknown) =>
    NAMED.has(key) || value === false || MOUNT_DEFAULTS.get(key) === value;
  const rest = canonical(mount, isDefault);
  const name = textAt(mount['name']);
  return rest === '{}' ? `volume ${name}` : `volume ${name} ${rest}`;
}

/** Whether admission mounts the token of the service account just so. */
export function isTokenMount(mount: Json, { tokenMounted }: Volumes): boolean {
  const name = textAt(mount['name']);
  return (
    name === tokenMounted &&
    mount['mountPath'] === TOKEN_PATH &&
    mountText(mount) === mountText({ name, readOnly: true })
  );
}

/** The mounts and devices of a container. */
export function mountsOf(container: Json): Json[] {
  return LISTS.flatMap(({ list }) => objectsAt(container[list]));
}
