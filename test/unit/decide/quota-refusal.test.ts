// A quota that is full because of the pod itself is no reason against its clean copy.
import { expect, test } from 'vitest';
import { quotaHasRoomAfter } from '../../../src/decide/quota-refusal.ts';

const said = (text: string) =>
  `cannot create Pod shop: 403 Forbidden: pods "lonely-x" is forbidden: exceeded quota: ${text}`;

test.each([
  [true, said('q, requested: pods=1, used: pods=5, limited: pods=5')],
  [
    true,
    said(
      'q, requested: pods=1,requests.cpu=500m, used: pods=4,requests.cpu=1, limited: pods=5,requests.cpu=1',
    ),
  ],
  [false, said('q, requested: pods=1, used: pods=6, limited: pods=5')],
  [
    false,
    said(
      'q, requested: pods=1,requests.cpu=500m, used: pods=4,requests.cpu=1500m, limited: pods=5,requests.cpu=1',
    ),
  ],
  [false, said('q, requested: pods=1, used: pods=5, limited: po')],
  [false, said('q, requested: pods=1, used: requests.cpu=1, limited: pods=5')],
  [false, 'cannot create Pod shop: 403 Forbidden: violates PodSecurity "restricted"'],
  [false, ''],
])('%s: %s', (expected, message) => expect(quotaHasRoomAfter(message)).toBe(expected));
