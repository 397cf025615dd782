// GET pods/<name>/log: text from a small table that tests and the demo fill.
import { podFacts } from '../api/pod.ts';
import type { Backend, ObjectTarget } from './backend.ts';
import { listAt, objectAt } from './json.ts';
import { invalidValue } from './metadata.ts';
import { getObject, wholeNumber } from './reads.ts';
import { badRequest, invalid } from './status.ts';

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
  const object = getObject(backend, target);
  const limit = limitBytes(target.name, query);
  const pod = podFacts(object);
  const container = chosenContainer(
    pod.name,
    containerNames(objectAt(object['spec'])),
    query.get('container'),
  );
  if (pod.nodeName === undefined) return undefined;
  const facts = pod.containers.find(({ name }) => name === container);
  if (facts && facts.containerID === undefined) {
    throw badRequest(`container "${container}" in pod "${pod.name}" is waiting to start: ContainerCreating`);
  }
  const log = logs.get({ ...pod, container }) ?? { current: `${pod.createdAt} ${container} is listening\n` };
  const text = query.get('previous') === 'true' ? log.previous : log.current;
  if (text === undefined) {
    throw badRequest(`previous terminated container "${container}" in pod "${pod.name}" not found`);
  }
  return limit === undefined ? text : Buffer.from(text).subarray(0, limit).toString();
}

function limitBytes(pod: string, query: URLSearchParams): number | undefined {
  const text = query.get('limitBytes');
  if (text === null) return undefined;
  const limit = wholeNumber(text);
  if (limit > 0) return limit;
  const problem = invalidValue('limitBytes', limit, 'must be greater than 0');
  throw invalid({ group: '', kind: 'PodLogOptions' }, pod, [problem]);
}

function containerNames(spec: Record<string, unknown>): string[] {
  return ['containers', 'initContainers', 'ephemeralContainers'].flatMap((field) =>
    listAt(spec[field]).map((container) => String(objectAt(container)['name'])),
  );
}

function chosenContainer(pod: string, names: readonly string[], asked: string | null): string {
  const [only = '', another] = names;
  if (!asked && another === undefined) return only;
  if (!asked) {
    throw badRequest(
      `a container name must be specified for pod ${pod}, choose one of: [${names.join(' ')}]`,
    );
  }
  if (!names.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${pod}`);
  return asked;
}
