// The examples of docs/policies.md are taken by a real API server as they stand, and are stored as our schema completes them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/api/meta.ts';
import { validators } from '../../src/api/validate.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_POLICIES, resourcePath } from '../../src/kube/resources.ts';
import { call } from '../support/cluster-access.ts';
import { crdTest as test } from '../support/real-api-test.ts';

const FOLDER = join(import.meta.dirname, '../../examples');

// kubectl reads YAML 1.1.
const policies = ['policies', 'explained'].flatMap((folder) =>
  readdirSync(join(FOLDER, folder))
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(FOLDER, folder, file), 'utf8'), { version: '1.1', strict: true })
        .map((document) => document.toJS() as KubeObject)
        .filter(({ kind }) => kind === DRIFT_POLICIES.kind || kind === CLUSTER_DRIFT_POLICIES.kind)
        .map((policy): [string, KubeObject] => [`${folder}/${file} ${policy.metadata.name}`, policy]),
    ),
);

describe('an example', () => {
  test.for(policies)(
    '%s is taken, and goes when it is deleted',
    async ([, policy], { access, namespace }) => {
      const isCluster = policy.kind === CLUSTER_DRIFT_POLICIES.kind;
      const resource = isCluster ? CLUSTER_DRIFT_POLICIES : DRIFT_POLICIES;
      const where = isCluster ? {} : { namespace };
      const { name } = policy.metadata;
      const body = { ...policy, metadata: { ...policy.metadata, ...where } };
      const path = `${resourcePath(resource, where)}?fieldValidation=Strict`;
      const made = await call(access, { method: 'POST', path, body });
      const object = resourcePath(resource, { ...where, name });
      const gone = await call(access, { method: 'DELETE', path: object });
      expect([made.status, gone.status]).toEqual([201, 200]);
      expect(await call(access, { path: object })).toMatchObject({ status: 404 });

      const { value } = (isCluster ? validators.clusterdriftpolicies : validators.driftpolicies)(policy);
      expect((made.body as KubeObject)['spec']).toEqual((value as KubeObject)['spec']);
    },
  );

  test('there is of each kind', () => {
    expect(new Set(policies.map(([, { kind }]) => kind)).size).toBe(2);
    expect(policies.length).toBeGreaterThanOrEqual(10);
  });
});
