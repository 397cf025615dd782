// What a cluster is made of and where it may be: the parts that can be judged without one.
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NODE_PARTS } from '../../cluster/node-parts.ts';
import {
  cacheKeyPrefix,
  kubernetesVersion,
  linkerFlags,
  moduleFolder,
  pinnedVersion,
} from '../../cluster/pins.ts';
import { freeOctet } from '../support/places.ts';
import { missingPackages, requiredPackages } from '../support/requirements.ts';

describe('the parts of a node', () => {
  test('have the Kubernetes of the control plane', () => {
    expect(pinnedVersion('kube-node', 'k8s.io/kubernetes')).toBe(kubernetesVersion());
    expect(linkerFlags('kube-node')).toBe(linkerFlags('kube'));
  });

  test('are cached apart, so that a broken-off build goes on where it was', () => {
    const keys = Object.values(NODE_PARTS).map((part) => cacheKeyPrefix(part));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.for(Object.values(NODE_PARTS))('$title: every binary is of a module that is here', ({ binaries }) => {
    for (const { module } of binaries) expect(existsSync(`${moduleFolder(module)}/go.mod`)).toBe(true);
  });
});

describe('the required packages', () => {
  test('are read from their list, without its comments', () => {
    expect(requiredPackages('# why\ngcc /usr/bin/gcc\n\n')).toEqual([{ name: 'gcc', file: '/usr/bin/gcc' }]);
  });

  test('that are missing are named as a command that brings them', () => {
    const there = { name: 'there', file: '/proc/self/exe' };
    const [one, two] = ['one', 'two'].map((name) => ({ name, file: `/does/not/exist/${name}` }));
    if (one === undefined || two === undefined) throw new Error('there are two');
    expect(missingPackages([there])).toBeUndefined();
    expect(missingPackages([one, there, two])).toMatch(/apt-get install .* one two$/);
  });

  test('each name a file by which they are known', () => {
    for (const { name, file } of requiredPackages())
      expect([name, file]).toEqual([name, expect.stringMatching(/^\//)]);
  });
});

describe('the address of a node', () => {
  test.for([
    ['the first when nothing is there', ['default via 192.0.2.1 dev eth0'], 99],
    ['the next when a route leads to it', ['10.99.0.0/18 via 10.99.255.2 dev x', '10.100.0.0/16 dev y'], 101],
  ] as const)('is %s', ([, lines, octet]) => {
    expect(freeOctet(lines)).toBe(octet);
  });

  test('is none when the machine has a route to all of them', () => {
    expect(() => freeOctet(['10.0.0.0/8 dev tun0'])).toThrow('10.0.0.0/8');
  });
});
