// What a pod may do that its template does not say: its security contexts, the namespaces of its node, its identity.
import { describe } from 'vitest';
import { CONTEXT_FIELD, on, testRows, type Change } from './template-builders.ts';

describe('one difference in what a pod may do is one finding', () => {
  const ofPod = (key: string, value: unknown): Change => [['securityContext', key], value];
  const security = (key: string, approved: string, runs: string, danger: boolean) => ({
    kind: 'SecurityContext' as const,
    container: 'web',
    field: `${CONTEXT_FIELD}.${key}`,
    approved,
    runs,
    danger,
    message: `container web has ${key} ${runs} where its template has ${approved}`,
  });
  const namespace = (key: string) => ({
    kind: 'HostNamespace' as const,
    field: `spec.${key}`,
    approved: 'nothing',
    runs: 'true',
    danger: true,
    message: `the pod has ${key} true where its template has nothing`,
  });
  testRows({
    privileged: {
      change: on('privileged', true),
      finding: security('privileged', 'nothing', 'true', true),
    },
    'no longer privileged': {
      before: on('privileged', true),
      change: on('privileged', false),
      finding: security('privileged', 'true', 'false', false),
    },
    escalation: {
      change: on('allowPrivilegeEscalation', undefined),
      finding: security('allowPrivilegeEscalation', 'false', 'nothing', true),
    },
    'a writable root': {
      change: on('readOnlyRootFilesystem', undefined),
      finding: security('readOnlyRootFilesystem', 'true', 'nothing', true),
    },
    root: { change: on('runAsUser', 0), finding: security('runAsUser', '1000', '0', true) },
    'the user of the image': {
      change: on('runAsUser', undefined),
      finding: security('runAsUser', '1000', 'nothing', true),
    },
    'another user': {
      change: on('runAsUser', 1001),
      finding: security('runAsUser', '1000', '1001', false),
    },
    'root allowed': {
      change: on('runAsNonRoot', false),
      finding: security('runAsNonRoot', 'true', 'false', true),
    },
    'a capability': {
      change: on('capabilities', { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'SYS_ADMIN'] }),
      finding: security('capabilities.add', 'NET_BIND_SERVICE', 'NET_BIND_SERVICE, SYS_ADMIN', true),
    },
    'capabilities kept': {
      change: on('capabilities', { drop: ['CHOWN'], add: ['NET_BIND_SERVICE'] }),
      finding: security('capabilities.drop', 'ALL', 'CHOWN', true),
    },
    'fewer capabilities dropped': {
      before: on('capabilities', { drop: ['CHOWN', 'KILL'] }),
      change: on('capabilities', { drop: ['CHOWN'] }),
      finding: security('capabilities.drop', 'CHOWN, KILL', 'CHOWN', true),
    },
    'all capabilities dropped': {
      before: on('capabilities', { drop: ['CHOWN'] }),
      change: on('capabilities', { drop: ['ALL'] }),
      finding: security('capabilities.drop', 'CHOWN', 'ALL', false),
    },
    'one capability instead of all': {
      before: on('capabilities', { add: ['ALL'] }),
      change: on('capabilities', { add: ['CHOWN'] }),
      finding: security('capabilities.add', 'ALL', 'CHOWN', false),
    },
    'root not refused': {
      change: on('runAsNonRoot', undefined),
      finding: security('runAsNonRoot', 'true', 'nothing', true),
    },
    'the default seccomp instead of an own one': {
      before: on('seccompProfile', { type: 'Localhost', localhostProfile: 'x' }),
      change: on('seccompProfile', { type: 'RuntimeDefault' }),
      finding: security(
        'seccompProfile',
        '{"localhostProfile":"x","type":"Localhost"}',
        '{"type":"RuntimeDefault"}',
        false,
      ),
    },
    'the SELinux type of all containers': {
      change: on('seLinuxOptions', { type: 'container_t' }),
      finding: security('seLinuxOptions', 'nothing', '{"type":"container_t"}', false),
    },
    'a capability less': {
      change: on('capabilities', { drop: ['ALL'] }),
      finding: security('capabilities.add', 'NET_BIND_SERVICE', 'nothing', false),
    },
    'seccomp off': {
      change: on('seccompProfile', { type: 'Unconfined' }),
      finding: security('seccompProfile', 'nothing', '{"type":"Unconfined"}', true),
    },
    'a stricter seccomp': {
      change: on('seccompProfile', { type: 'RuntimeDefault' }),
      finding: security('seccompProfile', 'nothing', '{"type":"RuntimeDefault"}', false),
    },
    'all of /proc': {
      change: on('procMount', 'Unmasked'),
      finding: security('procMount', 'nothing', 'Unmasked', true),
    },
    'another SELinux type': {
      change: on('seLinuxOptions', { type: 'spc_t' }),
      finding: security('seLinuxOptions', 'nothing', '{"type":"spc_t"}', true),
    },
    'an SELinux level, as OpenShift gives it': {
      change: on('seLinuxOptions', { level: 's0:c26,c5' }),
      finding: security('seLinuxOptions', 'nothing', '{"level":"s0:c26,c5"}', false),
    },
    'the node of Windows': {
      change: on('windowsOptions', { hostProcess: true }),
      finding: security('windowsOptions', 'nothing', '{"hostProcess":true}', true),
    },
    'a field of a later Kubernetes': {
      change: on('novelty', { of: 1 }),
      finding: security('novelty', 'nothing', '{"of":1}', false),
    },
    'seccomp of the pod': {
      change: ofPod('seccompProfile', undefined),
      finding: {
        kind: 'SecurityContext',
        field: 'spec.securityContext.seccompProfile',
        approved: '{"type":"RuntimeDefault"}',
        runs: 'nothing',
        danger: true,
        message: 'the pod has seccompProfile nothing where its template has {"type":"RuntimeDefault"}',
      },
    },
    'groups of the pod': {
      change: ofPod('supplementalGroups', [0]),
      finding: { kind: 'SecurityContext', field: 'spec.securityContext.supplementalGroups', danger: true },
    },
    'a sysctl': {
      change: ofPod('sysctls', [{ name: 'kernel.msgmax', value: '1' }]),
      finding: { kind: 'SecurityContext', field: 'spec.securityContext.sysctls', danger: true },
    },
    'no sandbox': {
      before: [['runtimeClassName'], 'gvisor'],
      change: [['runtimeClassName'], undefined],
      finding: { kind: 'SecurityContext', field: 'spec.runtimeClassName', approved: 'gvisor', danger: true },
    },
    'the network of the node': { change: [['hostNetwork'], true], finding: namespace('hostNetwork') },
    'the processes of the node': { change: [['hostPID'], true], finding: namespace('hostPID') },
    'the IPC of the node': { change: [['hostIPC'], true], finding: namespace('hostIPC') },
    'the processes of each other': {
      change: [['shareProcessNamespace'], true],
      finding: namespace('shareProcessNamespace'),
    },
    'the users of the node': {
      before: [['hostUsers'], false],
      change: [['hostUsers'], undefined],
      finding: {
        kind: 'HostNamespace',
        field: 'spec.hostUsers',
        approved: 'false',
        runs: 'nothing',
        danger: true,
      },
    },
    'another identity': {
      change: [['serviceAccountName'], 'admin'],
      finding: {
        kind: 'ServiceAccount',
        field: 'spec.serviceAccountName',
        approved: 'web',
        runs: 'admin',
        danger: true,
        message: 'the pod has serviceAccountName admin where its template has web',
      },
    },
    'a token': {
      before: [['automountServiceAccountToken'], false],
      change: [['automountServiceAccountToken'], true],
      finding: {
        kind: 'ServiceAccount',
        field: 'spec.automountServiceAccountToken',
        approved: 'false',
        runs: 'true',
        danger: true,
      },
    },
  });
});
