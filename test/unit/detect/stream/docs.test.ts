// The page about the stream says what the code does.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../../../src/detect/stream/wanted.ts';
import { NAMES } from '../../../support/nats-names.ts';

const PAGE = readFileSync(new URL('../../../../docs/stream.md', import.meta.url), 'utf8');

it.each(Object.entries(COMMANDS))('has the command that makes the %s', (_what, command) => {
  expect(PAGE.split('\n')).toContain(command(NAMES));
});
