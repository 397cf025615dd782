// The firewall as nft gets it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutRuleset, uncutRuleset } from '../../../src/helpers/programs/netns-ruleset.ts';

const REPLACED = ['add table inet die_operator', 'delete table inet die_operator'];
const linesOf = (ruleset: string) => ruleset.split('\n').map((line) => line.trim());

describe('the firewall', () => {
  test('lets pass what the node sends to probe ports, the answers, and nothing else', () => {
    const ruleset = cutRuleset({ nodeAddresses: ['10.0.0.1', '10.0.1.7'], probePorts: [8080, 9090] });
    expect(ruleset).toBe(`add table inet die_operator
delete table inet die_operator
table inet die_operator {
  chain input {
    type filter hook input priority -300; policy drop;
    iif lo accept
    ip saddr { 10.0.0.1, 10.0.1.7 } tcp dport { 8080, 9090 } accept
  }
  chain output {
    type filter hook output priority -300; policy drop;
    oif lo accept
    ip daddr { 10.0.0.1, 10.0.1.7 } tcp sport { 8080, 9090 } tcp flags & (syn | ack) != syn accept
  }
  chain forward {
    type filter hook forward priority -300; policy drop;
  }
}
`);
  });

  test('knows IPv6, with what it takes to find a neighbour and no more', () => {
    const lines = linesOf(cutRuleset({ nodeAddresses: ['10.0.0.1', 'fd00::1'], probePorts: [80] }));
    expect(lines).toContain('ip saddr { 10.0.0.1 } tcp dport { 80 } accept');
    expect(lines).toContain('ip6 saddr { fd00::1 } tcp dport { 80 } accept');
    expect(lines.filter((line) => line.startsWith('icmpv6'))).toEqual([
      'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept',
      'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 ip6 daddr { fe80::/10, ff02::/16, fd00::1 } accept',
    ]);
  });

  test.each<[what: string, nodeAddresses: string[], probePorts: number[]]>([
    ['probes', ['10.0.0.1', 'fd00::1'], []],
    ['addresses of the node', [], [8080]],
  ])('is closed but for the pod itself without %s', (_what, nodeAddresses, probePorts) => {
    const lines = linesOf(cutRuleset({ nodeAddresses, probePorts }));
    expect(lines.filter((line) => line.endsWith('accept'))).toEqual(['iif lo accept', 'oif lo accept']);
  });

  test('replaces the one before in the same act, drops by default everywhere, and opens no connection', () => {
    const addresses = fc.uniqueArray(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 16 });
    const ports = fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 64 });
    fc.assert(
      fc.property(addresses, ports, (nodeAddresses, probePorts) => {
        const lines = linesOf(cutRuleset({ nodeAddresses, probePorts }));
        expect(lines.slice(0, 2)).toEqual(REPLACED);
        expect(lines.filter((line) => line.startsWith('type'))).toEqual(
          ['input', 'output', 'forward'].map(
            (hook) => `type filter hook ${hook} priority -300; policy drop;`,
          ),
        );
        for (const line of lines.filter((one) => one.includes('tcp sport')))
          expect(line).toMatch(/ tcp flags & \(syn \| ack\) != syn accept$/);
      }),
    );
  });
});

test('taking it away is no error where there is none', () => {
  expect(uncutRuleset()).toBe(`${REPLACED.join('\n')}\n`);
});
