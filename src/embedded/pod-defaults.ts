// What the server fills into a pod before anybody sees it (kubernetes/pkg/apis/core/v1/defaults.go), probes and
// references to fields apart.
import { isJsonObject, listAt, objectAt, textAt, type JsonObject } from './json.ts';

/** 0644, as JSON has no octal numbers. */
const FILE_MODE = 420;
const FILES = { defaultMode: FILE_MODE };
/** What a volume of that source gets. */
const SOURCE_DEFAULTS: Readonly<Record<string, JsonObject>> = {
  secret: FILES,
  configMap: FILES,
  projected: FILES,
  downwardAPI: FILES,
  hostPath: { type: '' },
};

type Change = (container: JsonObject) => JsonObject;

/** The spec of a pod with its defaults. */
export function podSpecDefaults(spec: JsonObject): JsonObject {
  const filled = templateDefaults(spec);
  const inContainer: Change =
    spec['hostNetwork'] === true ? (container) => withHostPorts(withRequests(container)) : withRequests;
  return { enableServiceLinks: true, ...filled, ...containersIn(filled, inContainer) };
}

/** The spec of a pod template with its defaults. */
export function templateDefaults(spec: JsonObject): JsonObject {
  const account = textAt(spec['serviceAccountName']) || textAt(spec['serviceAccount']);
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    ...spec,
    ...(account !== '' && { serviceAccountName: account, serviceAccount: account }),
    ...containersIn(spec, filledContainer),
    ...(spec['volumes'] !== undefined && { volumes: listAt(spec['volumes']).map(filledVolume) }),
  };
}

/** The lists of containers that the spec has, each container changed. */
function containersIn(spec: JsonObject, change: Change): JsonObject {
  const present = ['initContainers', 'containers'].filter((field) => spec[field] !== undefined);
  return Object.fromEntries(
    present.map((field) => [field, listAt(spec[field]).map((container) => change(objectAt(container)))]),
  );
}

function filledContainer(given: JsonObject): JsonObject {
  return {
    imagePullPolicy: pullPolicy(textAt(given['image'])),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
    ...given,
    ...portsOf(given, (port) => ({ protocol: 'TCP', ...port })),
  };
}

function portsOf(container: JsonObject, change: Change): JsonObject {
  if (container['ports'] === undefined) return {};
  return { ports: listAt(container['ports']).map((port) => change(objectAt(port))) };
}

/** An image that can change under its name is looked up at each start. */
function pullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]*)$/.exec(image)?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

/** A limit is a request too where none is made. */
function withRequests(container: JsonObject): JsonObject {
  const given = objectAt(container['resources']);
  if (!isJsonObject(given['limits'])) return container;
  return {
    ...container,
    resources: { ...given, requests: { ...given['limits'], ...objectAt(given['requests']) } },
  };
}

/** On the network of the node a port is a port of the node. */
function withHostPorts(container: JsonObject): JsonObject {
  return { ...container, ...portsOf(container, (port) => ({ hostPort: port['containerPort'], ...port })) };
}

function filledVolume(value: unknown): JsonObject {
  const given = objectAt(value);
  const [source, ...others] = Object.keys(given).filter((field) => field !== 'name');
  if (source === undefined) return { ...given, emptyDir: {} };
  const defaults = SOURCE_DEFAULTS[source];
  if (defaults === undefined || others.length > 0) return given;
  return { ...given, [source]: { ...defaults, ...objectAt(given[source]) } };
}

/** The class by which a node under pressure chooses: of all containers, init ones too. */
export function qosClass(spec: JsonObject): string {
  const all = ['initContainers', 'containers'].flatMap((field) => listAt(spec[field]).map(objectAt));
  const named = all.map((one) => objectAt(one['resources']));
  if (named.every((one) => isEmpty(one['requests']) && isEmpty(one['limits']))) return 'BestEffort';
  return named.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function isGuaranteed(given: JsonObject): boolean {
  const [limits, requests] = [objectAt(given['limits']), objectAt(given['requests'])];
  return ['cpu', 'memory'].every((name) => limits[name] !== undefined && limits[name] === requests[name]);
}

function isEmpty(value: unknown): boolean {
  return Object.keys(objectAt(value)).length === 0;
}
