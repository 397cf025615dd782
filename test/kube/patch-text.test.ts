// A JSON patch that tests a text holds whatever the text is made of: error messages of others are part of what we test.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { add, test as holds } from '../../src/kube/json-patch.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { crdTest as test } from '../support/real-api-test.ts';
import { anIncident } from '../support/builders.ts';

type Recorded = KubeObject & { status: { steps: unknown[] } };

describe('a patch that tests a text of a resource', () => {
  test.for([
    ['an arrow', 'read tcp 127.0.0.1:40450->127.0.0.1:40213: connection reset'],
    ['markup', '<a href="x?a=1&b=2">'],
    ['separators of lines', 'one\u2028two\u2029three'],
    ['control characters', 'tab\t, newline\n, return\r, bell\u0007, backspace\b, form feed\f, delete\u007f'],
    ['a backslash and a quotation mark', 'C:\\ "x"'],
    ['other scripts', 'Prüfung 検査 😀'],
  ] as const)('holds with %s', async ([, message], { client, namespace }) => {
    const { apiVersion, kind, spec } = anIncident();
    const name = 'texts';
    await client.create(DRIFT_INCIDENTS, { namespace }, { apiVersion, kind, metadata: { name }, spec });
    const at = { namespace, name, subresource: 'status' };
    const step = (text: string) => [
      { name: 'Evict', state: 'Waiting', reason: 'Error', attempts: 1, message: text },
    ];
    await client.jsonPatch(DRIFT_INCIDENTS, at, [add('/status/steps', step(message))]);
    const read = await client.get<Recorded>(DRIFT_INCIDENTS, { namespace, name });
    expect(read.status).toMatchObject({ steps: step(message) });
    await client.jsonPatch(DRIFT_INCIDENTS, at, [
      holds('/status/steps', read.status.steps),
      add('/status/steps', step('next')),
    ]);
    const after = await client.get<Recorded>(DRIFT_INCIDENTS, { namespace, name });
    expect(after.status).toMatchObject({ steps: step('next') });
  });
});
