// Access reviews of the embedded API beyond what was recorded of a real one: hooks decide, nothing is stored.
import { describe, expect, test } from 'vitest';
import type { AccessAttributes } from '../../../src/embedded/api-server.ts';
import { at, createLab, newPod, type Lab } from './harness.ts';

const PATH = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

async function allowed({ call }: Lab, resourceAttributes: object): Promise<unknown> {
  const { status, object } = await call('POST', PATH, { spec: { resourceAttributes } });
  expect(status).toBe(201);
  return (object['status'] as { allowed: unknown }).allowed;
}

describe('an access review', () => {
  test('allows everything as long as no test says otherwise', async () => {
    const lab = createLab();
    expect(await allowed(lab, { verb: 'delete', resource: 'pods', namespace: 'shop' })).toBe(true);
    expect(await allowed(lab, { verb: 'get', resource: 'secrets' })).toBe(true);
  });

  test('is denied by any hook that says no', async () => {
    const lab = createLab();
    lab.cluster.access.push(({ verb }) => verb !== 'patch');
    lab.cluster.access.push(({ namespace }) => namespace === 'shop');
    expect(await allowed(lab, { verb: 'get', resource: 'pods', namespace: 'shop' })).toBe(true);
    expect(await allowed(lab, { verb: 'patch', resource: 'pods', namespace: 'shop' })).toBe(false);
    expect(await allowed(lab, { verb: 'get', resource: 'pods', namespace: 'bank' })).toBe(false);
  });

  test('tells hooks what is asked, with empty text for what was not said', async () => {
    const lab = createLab();
    const asked: AccessAttributes[] = [];
    lab.cluster.access.push((access) => {
      asked.push(access);
      return true;
    });
    const whole = {
      verb: 'patch',
      group: 'networking.k8s.io',
      resource: 'networkpolicies',
      subresource: 'status',
      namespace: 'shop',
      name: 'deny',
    };
    await allowed(lab, { ...whole, version: 'v1' });
    await allowed(lab, { verb: 'get', resource: 'nodes' });
    const empty = { group: '', subresource: '', namespace: '', name: '' };
    expect(asked).toEqual([whole, { ...empty, verb: 'get', resource: 'nodes' }]);
  });

  test('can be answered otherwise once the hook is gone', async () => {
    const lab = createLab();
    lab.cluster.access.push(() => false);
    expect(await allowed(lab, { verb: 'get', resource: 'pods' })).toBe(false);
    lab.cluster.access.pop();
    expect(await allowed(lab, { verb: 'get', resource: 'pods' })).toBe(true);
  });

  test('does not keep the request itself from being carried out', async () => {
    const lab = createLab();
    lab.cluster.access.push(() => false);
    expect((await lab.call('POST', at('pods'), newPod('web-1'))).status).toBe(201);
  });

  test('is in the audit as a create, and changes no revision', async () => {
    const lab = createLab();
    const revision = async () => (await lab.call('GET', at('pods'))).object.metadata.resourceVersion;
    const before = await revision();
    await allowed(lab, { verb: 'get', resource: 'pods' });
    expect(await revision()).toBe(before);
    expect(lab.cluster.audit[1]).toMatchObject({ verb: 'create', path: PATH, status: 201 });
  });
});
