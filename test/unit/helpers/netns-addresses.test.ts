// Whether a network has an address, by the tables of the kernel.
import { describe, expect, test } from 'vitest';
import { addressForms, hasAddress } from '../../../src/helpers/programs/netns-addresses.ts';

const V4 = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.244.0.0/24 2 0 2
        |-- 10.244.0.1
           /32 link UNICAST
        |-- 10.244.0.7
           /32 host LOCAL
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
`;
const V6 = `fd000000000000000000000000000007 02 80 00 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
`;

describe('an address is the network’s own', () => {
  test.each<[address: string, isOwn: boolean]>([
    ['10.244.0.7', true],
    ['127.0.0.1', true],
    // A gateway, which it only has a route to; a network; one that is not there.
    ['10.244.0.1', false],
    ['127.0.0.0', false],
    ['10.244.0.70', false],
    ['10.244.0.17', false],
    ['fd00::7', true],
    ['FD00:0:0:0:0:0:0:7', true],
    ['::1', true],
    ['fd00::8', false],
    ['fd00:7::', false],
  ])('%s: %s', (address, isOwn) => {
    expect(hasAddress({ v4: V4, v6: V6 }, addressForms(address))).toBe(isOwn);
  });

  test('never where there are no tables', () => {
    expect(hasAddress({ v4: '', v6: '' }, addressForms('10.244.0.7'))).toBe(false);
    expect(hasAddress({ v4: '', v6: '' }, addressForms('fd00::7'))).toBe(false);
  });
});
