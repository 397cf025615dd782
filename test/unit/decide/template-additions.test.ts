// What Kubernetes adds to pods beyond their template is no finding.
import { describe, expect, test } from 'vitest';
import { templateDrift, type PodTemplate } from '../../../src/decide/template-drift.ts';
import {
  aPodOf,
  aTemplate,
  CONTEXT,
  CONTEXT_FIELD,
  found,
  on,
  OPTIONS,
  put,
  TOKEN_MOUNT,
  tokenVolume,
  WEB,
  type Change,
  type Tree,
} from './template-builders.ts';

describe('what Kubernetes adds is no finding', () => {
  const drift = (template: PodTemplate, pod: { metadata: Tree; spec: Tree }, options = {}) =>
    templateDrift(pod, template, { ...OPTIONS, ...options });

  test('to any pod', () => {
    expect(found([])).toEqual([]);
  });

  test('to a pod of a template that says nothing', () => {
    const template = { spec: { containers: [{ name: 'web', image: 'web' }] } };
    const pod = aPodOf(template);
    put(pod.spec, ['securityContext'], {});
    put(pod.spec, ['containers', 0, 'securityContext'], {
      privileged: false,
      allowPrivilegeEscalation: true,
      procMount: 'Default',
      capabilities: {},
    });
    put(pod.spec, ['hostUsers'], true);
    expect(drift(template, pod)).toEqual([]);
  });

  test('as the same in other words', () => {
    const other = { drop: ['CAP_ALL', 'CHOWN'], add: ['cap_net_bind_service', 'NET_BIND_SERVICE'] };
    expect(found([on('capabilities', other), [['volumes', 1], { name: 'tmp' }]])).toEqual([]);
  });

  test('as another time to pull the image of a volume', () => {
    const image = { name: 'models', image: { reference: 'registry.example/models:1' } };
    const pulled = { name: 'models', image: { ...image.image, pullPolicy: 'Always' } };
    expect(found([[['volumes', 2], pulled]], [[['volumes', 2], image]])).toEqual([]);
  });

  test('as the certificate of services of OpenShift', () => {
    const sources = (tokenVolume()['projected'] as { sources: object[] }).sources;
    const item = { key: 'service-ca.crt', path: 'service-ca.crt' };
    const more = [...sources, { configMap: { name: 'openshift-service-ca.crt', items: [item] } }];
    expect(found([[['volumes', 2, 'projected', 'sources'], more]])).toEqual([]);
  });

  test('as mounts of a volume of the template that is named like the one of the token', () => {
    const template = aTemplate();
    put(template.spec, ['volumes', 'end'], { ...tokenVolume(), name: TOKEN_MOUNT.name });
    const pod = aPodOf(template);
    put(pod.spec, ['volumes'], template.spec['volumes']);
    expect(drift(template, pod)).toEqual([]);
  });

  describe('to a pod of a StatefulSet', () => {
    const claim = (name: string) => ({ name, persistentVolumeClaim: { claimName: `${name}-db-0` } });
    const template = () => {
      const made = aTemplate();
      put(made.spec, ['containers', 0, 'volumeMounts', 'end'], { name: 'data', mountPath: '/data' });
      return made;
    };
    const pod = (volume: Tree) => {
      const made = aPodOf(template(), 'db-0');
      put(made.spec, ['volumes', 'end'], volume);
      put(made.spec, ['hostname'], 'db-0');
      put(made.spec, ['subdomain'], 'db');
      return made;
    };
    const set = { ownerKind: 'StatefulSet' };

    test('as its claims, also where the set is gone', () => {
      expect(drift(template(), pod(claim('data')), { ...set, claimTemplates: ['data'] })).toEqual([]);
      expect(drift(template(), pod(claim('data')), set)).toEqual([]);
    });

    test('instead of a volume of the same name', () => {
      const own = template();
      put(own.spec, ['volumes', 'end'], { name: 'data', emptyDir: {} });
      expect(drift(own, pod(claim('data')), { ...set, claimTemplates: ['data'] })).toEqual([]);
    });

    test('but another claim is one', () => {
      const volume = { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } };
      const expected = { kind: 'Volume', field: 'spec.volumes[data]', danger: true };
      expect(drift(template(), pod(volume), set)).toMatchObject([expected]);
      expect(drift(template(), pod(claim('data')), { ownerKind: 'ReplicaSet' })).toMatchObject([expected]);
    });
  });

  test('to a pod of an indexed Job', () => {
    const index = "metadata.annotations['batch.kubernetes.io/job-completion-index']";
    const env = { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: index } } };
    expect(found([[[...WEB, 'env', 'end'], env]], [], { ownerKind: 'Job' })).toEqual([]);
  });

  test('to a pod of a DaemonSet', () => {
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: {} } };
    const tolerations = [{ key: 'node.kubernetes.io/disk-pressure', operator: 'Exists' }];
    const changes: Change[] = [
      [['affinity'], affinity],
      [['tolerations'], tolerations],
    ];
    expect(found(changes, [], { ownerKind: 'DaemonSet' })).toEqual([]);
  });

  test('as the field for an AppArmor annotation, which may not be missing either', () => {
    const template = aTemplate();
    const key = 'container.apparmor.security.beta.kubernetes.io';
    const annotations = { [`${key}/web`]: 'localhost/strict', [`${key}/log`]: 'runtime/default' };
    put(template.metadata, ['annotations'], annotations);
    const pod = aPodOf(template);
    const approved = { type: 'Localhost', localhostProfile: 'strict' };
    put(pod.spec, [...CONTEXT, 'appArmorProfile'], approved);
    put(pod.spec, ['containers', 1, 'securityContext', 'appArmorProfile'], { type: 'RuntimeDefault' });
    expect(drift(template, pod)).toEqual([]);
    put(pod.spec, [...CONTEXT, 'appArmorProfile'], undefined);
    expect(drift(template, pod)).toMatchObject([
      {
        field: `${CONTEXT_FIELD}.appArmorProfile`,
        approved: '{"localhostProfile":"strict","type":"Localhost"}',
        danger: true,
      },
    ]);
  });

  test('as nothing for an AppArmor annotation that says what all of the pod has', () => {
    const template = aTemplate();
    const key = 'container.apparmor.security.beta.kubernetes.io/web';
    put(template.metadata, ['annotations'], { [key]: 'runtime/default' });
    put(template.spec, ['securityContext', 'appArmorProfile'], { type: 'RuntimeDefault' });
    expect(drift(template, aPodOf(template))).toEqual([]);
  });
});
