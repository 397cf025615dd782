// What the fields of an alert can hold, so that it gets as far as somebody acting on it.
import type { Vocabulary } from './mutate.ts';

/** What senders write for a thing that is not there. */
export const ABSENT = [null, '', '<NA>', 'host'];

/** See the file's first line. */
export const ALERT_WORDS: Vocabulary = {
  'container.id': [
    ...ABSENT,
    'host',
    '0fdb3cd5b5fc',
    '0FDB3CD5B5FC',
    '0fdb3cd5b5f',
    'f'.repeat(64),
    'f'.repeat(65),
  ],
  'container.full_id': [...ABSENT, 'host', '0fdb3cd5b5fc'.padEnd(64, '0'), 'f'.repeat(64)],
  'k8s.pod.uid': [...ABSENT, '11111111-2222-3333-4444-555555555555', 'x'.repeat(37)],
  'k8s.pod.name': [...ABSENT, 'web-1', '..', 'a/b', 'a'.repeat(254)],
  'k8s.ns.name': [...ABSENT, 'shop', 'Shop', '..', 'a'.repeat(64)],
  hostname: [...ABSENT, 'node-1', 'NODE-1', 'node 1', 'a'.repeat(254)],
  priority: ['Debug', 'critical', 'info', 'INFORMATIONAL', 'none', ''],
  source: ['die-operator', 'internal', 'syscall', ''],
  rule: ['Test rule', 'Falco internal: x', 'DIE Binary Drift Executed', '', 'r'.repeat(300)],
  time: [
    '2026-11-22T00:00:01Z',
    '2026-02-30T00:00:00Z',
    '2099-01-01T00:00:00.123456789+14:00',
    '0000-01-01T00:00:00Z',
    '',
  ],
  tags: [null, [], ['t'.repeat(100)], [null], Array.from({ length: 100 }, () => 't')],
  output_fields: [{}, null, []],
};
