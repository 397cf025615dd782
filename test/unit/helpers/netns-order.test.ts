// What reaches the helper in the network of a pod, and what comes back: nothing but values of their types.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  netnsArgs,
  NetnsOrderSchema,
  readNetnsReport,
  type NetnsOrder,
} from '../../../src/helpers/netns-report.ts';

const ORDER: NetnsOrder = {
  action: 'cut',
  podUid: '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f',
  podAddresses: ['10.244.0.7', 'fd00::7'],
  nodeAddresses: ['10.0.0.1'],
  probePorts: [8080],
};

describe('an order', () => {
  test('is taken as it is meant', () => {
    expect(NetnsOrderSchema.parse(ORDER)).toEqual(ORDER);
  });

  test.each<[what: string, change: object]>([
    ['another action', { action: 'flush' }],
    ['a UID with more in it', { podUid: `${ORDER.podUid}; reboot` }],
    ['a UID with a line after it', { podUid: `${ORDER.podUid}\n` }],
    ['a UID of a path', { podUid: '../../../../etc/passwd' }],
    ['no address of the pod', { podAddresses: [] }],
    ['a name as address', { nodeAddresses: ['node-1'] }],
    ['a range as address', { nodeAddresses: ['0.0.0.0/0'] }],
    ['rules in an address', { nodeAddresses: ['10.0.0.1 } accept; #'] }],
    ['an address with a zone', { nodeAddresses: ['fe80::1%eth0'] }],
    ['too many addresses', { nodeAddresses: Array(17).fill('10.0.0.1') }],
    ['port 0', { probePorts: [0] }],
    ['a port beyond', { probePorts: [65_536] }],
    ['half a port', { probePorts: [80.5] }],
    ['what is no number', { probePorts: [Number('8080 accept')] }],
    ['too many ports', { probePorts: Array(65).fill(80) }],
  ])('is refused with %s', (_what, change) => {
    expect(NetnsOrderSchema.safeParse({ ...ORDER, ...change }).success).toBe(false);
  });

  test('becomes arguments, none of which can be taken for another', () => {
    expect(netnsArgs(ORDER)).toEqual([
      'netns',
      'cut',
      '--pod-uid',
      '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f',
      '--pod-address',
      '10.244.0.7',
      '--pod-address',
      'fd00::7',
      '--node-address',
      '10.0.0.1',
      '--probe-port',
      '8080',
    ]);
  });
});

describe('a report', () => {
  test.each([
    { result: 'Cut' },
    { result: 'Uncut' },
    { result: 'Closed' },
    { result: 'Open', ways: ['to the API server'] },
    { result: 'Refused', reason: 'NodeNetwork', message: 'it is in the network of the node' },
  ] as const)('$result is read, also after a word of the kubelet', (report) => {
    expect(readNetnsReport(JSON.stringify(report))).toEqual(report);
    expect(readNetnsReport(`Completed: ${JSON.stringify(report)}`)).toEqual(report);
  });

  test.each(['', 'OOMKilled', 'Error: {', '{"result":"Fine"}', 'null', '[]'])(
    'is not found in %j',
    (message) => {
      expect(readNetnsReport(message)).toBeUndefined();
    },
  );

  test('is never thrown about', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (message) => void readNetnsReport(message)));
  });
});
