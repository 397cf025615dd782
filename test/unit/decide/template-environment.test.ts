// What the environment of a container takes that its template does not give it: secrets, and what may load code.
import { describe, expect, test } from 'vitest';
import { found, kinds, WEB, type Change } from './template-builders.ts';

const env = (name: string, secret: string, key: string): Change => [
  [...WEB, 'env', 'end'],
  { name, valueFrom: { secretKeyRef: { name: secret, key } } },
];
const all = (source: object): Change => [[...WEB, 'envFrom'], [source]];
const TAKEN = 'Environment spec.containers[web].env[PASSWORD]';

describe('a secret in the environment', () => {
  test('that the template does not give is told by its name, and never by what it holds', () => {
    expect(found([env('PASSWORD', 'db', 'password')])).toEqual([
      {
        kind: 'Environment',
        container: 'web',
        field: 'spec.containers[web].env[PASSWORD]',
        approved: 'nothing',
        runs: 'Secret db/password',
        danger: true,
        message:
          'container web is given Secret db/password in its environment, which its template does not give it',
      },
    ]);
    expect(found([all({ secretRef: { name: 'db' } })])).toMatchObject([
      { kind: 'Environment', field: 'spec.containers[web].envFrom[Secret db]', danger: true },
    ]);
  });

  test('is known by its key, but where the template takes all of it', () => {
    const given = env('USER', 'db', 'user');
    expect(kinds([env('OTHER', 'db', 'user')], [given])).toEqual([]);
    expect(kinds([env('PASSWORD', 'db', 'password')], [given])).toEqual([TAKEN]);
    const whole = all({ prefix: 'DB_', secretRef: { name: 'db' } });
    expect(kinds([env('PASSWORD', 'db', 'password')], [whole])).toEqual([]);
    expect(kinds([env('PASSWORD', 'db2', 'password')], [whole])).toEqual([TAKEN]);
  });

  test('may be missing', () => {
    expect(kinds([[[...WEB, 'env'], undefined]], [env('USER', 'db', 'user')])).toEqual([]);
  });

  test('is allowed by the name of its variable, or of the Secret that all are taken from', () => {
    const allowPassword = { allowedVariables: ['PASSWORD'] };
    expect(kinds([env('PASSWORD', 'db', 'password')], [], allowPassword)).toEqual([]);
    expect(kinds([env('OTHER', 'db', 'password')], [], allowPassword)).toHaveLength(1);
    expect(kinds([all({ secretRef: { name: 'db' } })], [], { allowedVariables: ['db'] })).toEqual([]);
  });
});

test('a ConfigMap of variables may load code, and gives no more rights', () => {
  expect(found([all({ configMapRef: { name: 'extra' } })])).toMatchObject([
    { field: 'spec.containers[web].envFrom[ConfigMap extra]', runs: 'ConfigMap extra', danger: false },
  ]);
});

test('variables that are neither are left to whoever wrote them', () => {
  const plain: Change = [[...WEB, 'env', 'end'], { name: 'AWS_REGION', value: 'eu-west-1' }];
  const field: Change = [
    [...WEB, 'env', 'end'],
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
  ];
  expect(kinds([plain, field])).toEqual([]);
});
