// What of a pod matters to a firewall in its own network: which ports its node probes, and who in it could get around.
import { z } from 'zod';
import type { KubeObject } from './meta.ts';

const text = z.string().optional().catch(undefined);
const PortSchema = z.union([z.int(), z.string()]);
const CallSchema = z.object({ port: PortSchema, host: text }).optional().catch(undefined);
const ProbeSchema = z
  .object({ httpGet: CallSchema, tcpSocket: CallSchema, grpc: CallSchema })
  .optional()
  .catch(undefined);
const capabilities = z.array(z.string()).catch([]);
const ContextSchema = z
  .object({
    privileged: z.boolean().catch(false),
    allowPrivilegeEscalation: z.boolean().catch(true),
    runAsUser: z.int().optional().catch(undefined),
    runAsNonRoot: z.boolean().optional().catch(undefined),
    capabilities: z.object({ add: capabilities, drop: capabilities }).catch({ add: [], drop: [] }),
  })
  .catch({
    privileged: false,
    allowPrivilegeEscalation: true,
    runAsUser: undefined,
    runAsNonRoot: undefined,
    capabilities: { add: [], drop: [] },
  });
const ContainerSchema = z.object({
  name: z.string(),
  ports: z
    .array(z.object({ name: text, containerPort: z.int() }))
    .optional()
    .catch(undefined),
  livenessProbe: ProbeSchema,
  readinessProbe: ProbeSchema,
  startupProbe: ProbeSchema,
  securityContext: ContextSchema,
});
type Container = z.infer<typeof ContainerSchema>;
const containers = z.array(ContainerSchema).catch([]);
const SpecSchema = z
  .object({
    containers,
    initContainers: containers,
    ephemeralContainers: containers,
    securityContext: z
      .object({
        runAsUser: z.int().optional().catch(undefined),
        runAsNonRoot: z.boolean().optional().catch(undefined),
      })
      .catch({ runAsUser: undefined, runAsNonRoot: undefined }),
    hostPID: z.boolean().catch(false),
    runtimeClassName: text,
  })
  .catch({
    containers: [],
    initContainers: [],
    ephemeralContainers: [],
    securityContext: { runAsUser: undefined, runAsNonRoot: undefined },
    hostPID: false,
    runtimeClassName: undefined,
  });

/** TCP ports on which the kubelet probes the pod, each once, in order. A probe of another host is none of the pod's. */
export function probePorts(pod: KubeObject): number[] {
  const { containers: main, initContainers } = specOf(pod);
  const ports = [...main, ...initContainers].flatMap((container) =>
    [container.livenessProbe, container.readinessProbe, container.startupProbe]
      .flatMap((probe) => [probe?.httpGet, probe?.tcpSocket, probe?.grpc])
      .flatMap((call) => (call && call.host === undefined ? portOf(call.port, container) : [])),
  );
  return [...new Set(ports)].filter((port) => port >= 1 && port <= 65_535).toSorted((a, b) => a - b);
}

function portOf(port: number | string, { ports = [] }: Container): number[] {
  if (typeof port === 'number') return [port];
  const found = ports.find(({ name }) => name === port)?.containerPort;
  return found === undefined ? [] : [found];
}

// What runtimes give by default, and what of it has nothing to do with the network. NET_RAW, which they give as well, is left
// out: frames that a process builds itself pass no filter of its network.
const HARMLESS: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/**
 * Why what a process finds out in the network of the pod may be made up, in words: a container of it may change what the
 * network lets through, for the time of a look. Undefined if none may.
 */
export function changesNetwork(pod: KubeObject): string | undefined {
  return outside(pod) ?? containerWith(pod, (container) => powerOf(container));
}

/**
 * Why a firewall in the network of the pod may not hold, in words: a container of it may change the firewall, or send what
 * does not pass it. Undefined if none may.
 */
export function passesFirewall(pod: KubeObject): string | undefined {
  const { securityContext } = specOf(pod);
  return (
    outside(pod) ?? containerWith(pod, (container) => powerOf(container) ?? rawOf(container, securityContext))
  );
}

function outside(pod: KubeObject): string | undefined {
  const { hostPID, runtimeClassName, containers: main } = specOf(pod);
  if (hostPID) return 'the pod sees the processes of its node';
  // What such a runtime takes from the network of the pod, it may take before any filter there.
  if (runtimeClassName)
    return `the pod has the runtime class ${runtimeClassName}, which may have a network of its own`;
  return main.length === 0 ? 'the containers of the pod cannot be read' : undefined;
}

function containerWith(
  pod: KubeObject,
  powerIn: (container: Container) => string | undefined,
): string | undefined {
  const { containers: main, initContainers, ephemeralContainers } = specOf(pod);
  for (const container of [...main, ...initContainers, ...ephemeralContainers]) {
    const power = powerIn(container);
    if (power !== undefined) return `container ${container.name} ${power}`;
  }
  return undefined;
}

function powerOf({ securityContext: { privileged, capabilities: own } }: Container): string | undefined {
  if (privileged) return 'is privileged';
  const power = own.add.map(plainName).find((one) => !HARMLESS.has(one) && one !== 'NET_RAW');
  return power === undefined ? undefined : `has the capability ${power}`;
}

function rawOf(
  { securityContext: own }: Container,
  ofPod: z.infer<typeof SpecSchema>['securityContext'],
): string | undefined {
  const { add, drop } = own.capabilities;
  if (add.map(plainName).includes('NET_RAW')) return 'has the capability NET_RAW';
  if (drop.map(plainName).some((one) => one === 'ALL' || one === 'NET_RAW')) return undefined;
  const user = own.runAsUser ?? ofPod.runAsUser;
  const isNotRoot = user === undefined ? (own.runAsNonRoot ?? ofPod.runAsNonRoot) === true : user !== 0;
  // Who is not root has it only by a program with more rights than its caller.
  return isNotRoot && !own.allowPrivilegeEscalation
    ? undefined
    : 'may have the capability NET_RAW, which runtimes give unless it is dropped';
}

function plainName(capability: string): string {
  return capability.toUpperCase().replace(/^CAP_/, '');
}

function specOf(pod: KubeObject): z.infer<typeof SpecSchema> {
  return SpecSchema.parse(pod['spec'] ?? {});
}
