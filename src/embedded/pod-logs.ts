// GET pods/<name>/log: text from a small table that tests and the demo fill, chosen and cut as API server and kubelet do.
import type { KubeObject } from '../api/meta.ts';
import { podFacts } from '../api/pod.ts';
import { NODES, PODS } from '../kube/resources.ts';
import type { Backend, ObjectTarget } from './backend.ts';
import { listAt, objectAt, textAt } from './json.ts';
import { logOptions, type LogOptions } from './log-options.ts';
import { getObject } from './reads.ts';
import { badRequest, notFound } from './status.ts';

/** What a container wrote. */
export interface ContainerLog {
  current: string;
  /** Of the instance before the last restart; absent when there was none. */
  previous?: string;
}

/** Logs of containers; a running container that is not in the table has written one line. */
export interface PodLogs {
  /** @param container all containers of the pod when absent. */
  set(pod: { namespace: string; name: string; container?: string }, log: ContainerLog): void;
  get(pod: { namespace: string; name: string; container: string }): ContainerLog | undefined;
}

/** An empty table. */
export function createPodLogs(): PodLogs {
  const logs = new Map<string, ContainerLog>();
  const key = (namespace: string, name: string, container = '*') => [namespace, name, container].join('/');
  return {
    set: ({ namespace, name, container }, log) => void logs.set(key(namespace, name, container), log),
    get: ({ namespace, name, container }) =>
      logs.get(key(namespace, name, container)) ?? logs.get(key(namespace, name)),
  };
}

/** The text, or undefined (204) for a pod that has no node yet; throws 404, 400 or 422. */
export function readPodLog(
  backend: Backend,
  logs: PodLogs,
  target: ObjectTarget,
  query: URLSearchParams,
): string | undefined {
  const options = logOptions(target.name, query, backend.clock.now());
  const object = getObject(backend, target);
  const container = chosenContainer(target.name, objectAt(object['spec']), options.container);
  const { nodeName } = podFacts(object);
  if (nodeName === undefined) return undefined;
  // The real one names the node, and calls it a pod.
  if (!backend.store.get(NODES, nodeName)) throw notFound(PODS, nodeName);
  return selectedText(logOf(object, container, logs, options.previous), options);
}

/** What a container wrote, and when: nobody knows the times of single lines, so all have that of the start. */
interface Written {
  text: string;
  at: string;
}

/** Throws the refusals of the kubelet. */
function logOf(object: KubeObject, container: string, logs: PodLogs, previous: boolean): Written {
  const pod = podFacts(object);
  const facts = pod.containers.find(({ name }) => name === container);
  if (facts && facts.containerID === undefined) {
    throw badRequest(`container "${container}" in pod "${pod.name}" is waiting to start: ContainerCreating`);
  }
  const log = logs.get({ ...pod, container }) ?? { current: `${container} is listening\n` };
  if (!previous) return { text: log.current, at: startOf(object, container) ?? pod.createdAt };
  if (log.previous !== undefined) return { text: log.previous, at: pod.createdAt };
  throw badRequest(`previous terminated container "${container}" in pod "${pod.name}" not found`);
}

function startOf(pod: KubeObject, container: string): string | undefined {
  const statuses = listAt(objectAt(pod['status'])['containerStatuses']).map(objectAt);
  const { running, terminated } = objectAt(statuses.find(({ name }) => name === container)?.['state']);
  const at = textAt(objectAt(running ?? terminated)['startedAt']);
  return at === '' ? undefined : at;
}

/** The last lines, each with its time, and of that the first bytes. */
function selectedText({ text, at }: Written, options: LogOptions): string {
  if (options.since !== undefined && Date.parse(at) < options.since) return '';
  // What follows the last line break is a line that is not ended yet.
  const lines = text.split(/(?<=\n)/).filter((line) => line !== '');
  const kept = lines.slice(Math.max(0, lines.length - options.tailLines));
  const stamped = options.timestamps ? kept.map((line) => `${at} ${line}`) : kept;
  return Buffer.from(stamped.join('')).subarray(0, options.limitBytes).toString();
}

/** Without a choice only a single regular container will do; init and ephemeral ones can be chosen. */
function chosenContainer(pod: string, spec: Record<string, unknown>, asked: string): string {
  const named = (field: string) =>
    listAt(spec[field]).map((container) => textAt(objectAt(container)['name']));
  const regular = named('containers');
  const names = [...named('initContainers'), ...regular, ...named('ephemeralContainers')];
  const [only = '', another] = regular;
  if (asked === '' && another === undefined) return only;
  if (asked === '') {
    throw badRequest(
      `a container name must be specified for pod ${pod}, choose one of: [${names.join(' ')}]`,
    );
  }
  if (!names.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${pod}`);
  return asked;
}
