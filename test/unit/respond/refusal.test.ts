// Which admission rule refused a change of a pod, by what the API server and common webhooks answer.
import { describe, expect, test } from 'vitest';
import { statusError, type KubeError } from '../../../src/kube/errors.ts';
import { isRefusal, refusedBy, refusesOwners } from '../../../src/respond/refusal.ts';

function refusal(status: number, message: string, details?: object): KubeError {
  const reason = status === 403 ? 'Forbidden' : 'Invalid';
  const body = { kind: 'Status', status: 'Failure', message, reason, code: status, details };
  return statusError('patch Pod shop/web-1', { status, body });
}

const DETAILS = { name: 'web-1', kind: 'pods', causes: [{ message: 'no' }] };
const VAP =
  "pods \"web-1\" is forbidden: ValidatingAdmissionPolicy 'demand-labels' with binding 'all' denied request: no label app";

describe('a refusal by admission', () => {
  test.each<[number, string, string]>([
    [403, VAP, 'demand-labels'],
    [422, VAP, 'demand-labels'],
    [
      403,
      'admission webhook "validation.gatekeeper.sh" denied the request: [must-have-owner] you must provide labels',
      'validation.gatekeeper.sh',
    ],
    [
      400,
      'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nresource Pod/shop/web-1 was blocked',
      'validate.kyverno.svc-fail',
    ],
    [403, 'pods "web-1" is forbidden: violates PodSecurity "restricted:latest": x', 'PodSecurity'],
    [422, 'Pod "web-1" is invalid: metadata.labels: Invalid value', 'admission'],
  ])('%i %s names %s', (status, message, name) => {
    const error = refusal(status, message, DETAILS);
    expect(refusedBy(error)).toBe(name);
    expect(isRefusal(error)).toBe(true);
  });

  test('of the owner references is one, too', () => {
    const error = refusal(
      403,
      'pods "web-1" is forbidden: cannot set an ownerRef on a resource you can\'t delete: , <nil>',
    );
    expect(isRefusal(error)).toBe(true);
    expect(refusesOwners(error)).toBe(true);
    expect(refusedBy(error)).toBe('OwnerReferencesPermissionEnforcement');
  });

  test('is not a right that is missing, nor a test that failed, nor any other error', () => {
    const right = refusal(
      403,
      'pods "web-1" is forbidden: User "x" cannot patch resource "pods" in API group "" in the namespace "shop"',
    );
    const failedTest = refusal(422, 'the server rejected our request due to an error in our request');
    for (const error of [right, failedTest, new Error(VAP)]) expect(isRefusal(error)).toBe(false);
  });

  test('has a name within the limit of its field', () => {
    const error = refusal(403, `admission webhook "${'x'.repeat(400)}" denied the request`);
    expect(refusedBy(error).length).toBeLessThanOrEqual(253);
  });
});
