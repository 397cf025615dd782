// Approved images as a ConfigMap lists them.
import { expect, test } from 'vitest';
import { MAX_LISTED, readApproved } from '../../../src/decide/approved-text.ts';
import { digest } from './builders.ts';

const WEB = `registry.example/shop/web@${digest('a')}`;
const API = `registry.example:5000/shop/api@${digest('b')}`;

test('a list has an image by its digest on each line, comments and empty lines, in as many keys as there are', () => {
  const data = { 'b.txt': `${API}\r\n`, 'a.txt': `# release 7\n\n  ${WEB}  \n${WEB}` };
  expect(readApproved(data)).toEqual({ images: [WEB, API] });
});

test.each([
  ['a tag', 'registry.example/shop/web:1'],
  ['a short name', `nginx@${digest('a')}`],
  ['a name without a registry', `shop/web@${digest('a')}`],
  ['half a digest', 'registry.example/shop/web@sha256:abc'],
  ['two on a line', `${WEB} ${API}`],
])('%s is passed over, and where it stands is told', (_, line) => {
  const { images, problem } = readApproved({ list: `${WEB}\n${line}` });
  expect(images).toEqual([WEB]);
  expect(problem).toContain('list line 2');
});

test('many wrong lines are counted', () => {
  expect(readApproved({ list: 'x\n'.repeat(10) }).problem).toMatch(
    /list line 1, list line 2, list line 3 and 7 more$/,
  );
});

test('a long list is cut, and says so', () => {
  const lines = Array.from(
    { length: MAX_LISTED + 1 },
    (_, n) => `registry.example/shop/w${n}@${digest('a')}`,
  );
  const { images, problem } = readApproved({ list: lines.join('\n') });
  expect(images).toHaveLength(MAX_LISTED);
  expect(problem).toContain(`only the first ${MAX_LISTED}`);
});

test('what is no text says nothing', () => {
  expect(readApproved({ list: 7, other: null })).toEqual({ images: [] });
});
