// Which container an alert of Falco is about, as far as its output fields tell.
import type { ToldIdentity } from '../api/detection.ts';

/** `output_fields` of an alert. */
export type OutputFields = Readonly<Record<string, unknown>>;

// What Falco and Falcosidekick write when a value is not known (null too), or for a process outside a container.
const ABSENT = new Set(['', '<NA>', 'host']);

/** As runtimes name containers, without their scheme; at least the 12 digits that Falco tells. */
export const CONTAINER_ID = /^[0-9a-f]{12,64}$/;
// API servers make UUIDs; the kubelet labels static pods with 32 hex digits.
const POD_UID = /^[0-9A-Za-z][0-9A-Za-z-]{0,35}$/;
/** Name of a namespace or a container: RFC 1123 as Kubernetes checks it (apimachinery, util/validation). */
export const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const MAX_DNS_NAME = 253;
const DNS_PART = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

/** Whether the alert is about a process on the node: the container plugin then says `host`. */
export function isHostProcess(fields: OutputFields): boolean {
  return fields['container.id'] === 'host' || fields['container.full_id'] === 'host';
}

/** Reads the identity; a value that is not of its form is not told. */
export function falcoIdentity(fields: OutputFields, alertHostname: string | null | undefined): ToldIdentity {
  // `k8s.pod.id` is the name of the field before the container plugin.
  const podUid =
    told(fields['k8s.pod.uid'], matches(POD_UID)) ?? told(fields['k8s.pod.id'], matches(POD_UID));
  const podName = told(fields['k8s.pod.name'], isDnsName);
  const namespace = told(fields['k8s.ns.name'], matches(DNS_LABEL));
  const containerId = toldContainerId(fields);
  const containerName = told(fields['container.name'], matches(DNS_LABEL));
  const hostname = toldHostname(alertHostname);
  return {
    ...(podUid && { podUid }),
    ...(podName && { podName }),
    ...(namespace && { namespace }),
    ...(containerId && { containerId }),
    ...(containerName && { containerName }),
    ...(hostname && { hostname }),
  };
}

/** A text field of the alert; undefined when it is absent or no text. */
export function toldText(value: unknown): string | undefined {
  return typeof value === 'string' && !ABSENT.has(value) ? value : undefined;
}

function told(value: unknown, isValid: (text: string) => boolean): string | undefined {
  const text = toldText(value);
  return text !== undefined && isValid(text) ? text : undefined;
}

function matches(form: RegExp): (text: string) => boolean {
  return (text) => form.test(text);
}

/** Whether it can be the name of a pod or a node. */
export function isDnsName(text: string): boolean {
  return text.length <= MAX_DNS_NAME && text.split('.').every((part) => DNS_PART.test(part));
}

// An alert whose two ids contradict each other names no container.
function toldContainerId(fields: OutputFields): string | undefined {
  const full = told(fields['container.full_id'], matches(CONTAINER_ID));
  const short = told(fields['container.id'], matches(CONTAINER_ID));
  if (full === undefined || short === undefined) return full ?? short;
  return full.startsWith(short) ? full : undefined;
}

// Kubelets register in lower case. `host` is no placeholder here but a name, which must then match the node's.
function toldHostname(hostname: string | null | undefined): string | undefined {
  const name = hostname?.toLowerCase();
  return name !== undefined && isDnsName(name) ? name : undefined;
}
