// `die-operator helper netns` as a program: what it is given on its command line is what its types allow, or nothing is done.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { netnsArgs, readNetnsReport } from '../../../src/helpers/netns-report.ts';

const PROGRAM = join(import.meta.dirname, '../../../bin/die-operator.js');
/** No pod has it. */
const UID = '00000000-0000-4000-8000-000000000000';
const ORDER = {
  action: 'cut',
  podUid: UID,
  podAddresses: ['192.0.2.7', '2001:db8::7'],
  nodeAddresses: ['192.0.2.1'],
  probePorts: [8080],
} as const;

function helper(...args: string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, 'helper', ...args], (error, stdout) => {
      resolve({ code: error ? Number(error.code) : 0, stdout });
    });
  });
}

const reportOf = async (...args: string[]) => {
  const { code, stdout } = await helper(...args);
  return { code, ...readNetnsReport(stdout) };
};

describe('the helper in the network of a pod', () => {
  test.runIf(process.platform === 'linux')(
    'understands what the operator writes, and does nothing to a pod that is not there',
    async () => {
      const args = netnsArgs({
        ...ORDER,
        podAddresses: [...ORDER.podAddresses],
        nodeAddresses: [...ORDER.nodeAddresses],
        probePorts: [...ORDER.probePorts],
      });
      expect(await reportOf(...args)).toMatchObject({ code: 1, result: 'Refused', reason: 'NoProcess' });
    },
  );

  test.each<[what: string, path: string, args: string[]]>([
    ['a UID that is none', 'podUid', ['--pod-uid', 'x', '--pod-address', '192.0.2.7']],
    ['no address', 'podAddresses', ['--pod-uid', UID]],
    [
      'rules in an address',
      'nodeAddresses.0',
      ['--pod-uid', UID, '--pod-address', '192.0.2.7', '--node-address', '0.0.0.0/0'],
    ],
    [
      'a command after a port',
      'probePorts.0',
      ['--pod-uid', UID, '--pod-address', '192.0.2.7', '--probe-port', '80; reboot'],
    ],
  ])('refuses %s, and names it', async (_what, path, args) => {
    const report = await reportOf('netns', 'cut', ...args);
    expect(report).toMatchObject({
      code: 1,
      result: 'Refused',
      message: expect.stringContaining(`${path}: `),
    });
  });

  test('knows no other action', async () => {
    const { code, stdout } = await helper('netns', 'flush', '--pod-uid', UID, '--pod-address', '192.0.2.7');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('a look from within a network', () => {
  test('says from where it would send, and sends only when it is told to', async () => {
    const { code, stdout } = await helper('netns-inside', '127.0.0.1');
    expect({ code, report: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      report: { source: '127.0.0.1' },
    });
  });

  test('says why it could not', async () => {
    // A broadcast, which has to be asked for.
    const { stdout } = await helper('netns-inside', '--send', '255.255.255.255');
    expect(JSON.parse(stdout)).toMatchObject({
      refused: expect.stringMatching(/^E[A-Z]+ before it was sent$/),
    });
  });

  test('takes nothing but an address', async () => {
    expect((await helper('netns-inside', 'localhost')).code).toBe(2);
  });
});
