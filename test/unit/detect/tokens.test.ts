import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileTokens, parseTokens } from '../../../src/detect/tokens.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { RecordingLog } from './support.ts';

const OLD = 'old-token-of-enough-length';
const NEW = 'new-token-of-enough-length';

describe('the text of a token file', () => {
  it.each([
    ['one token', `${OLD}\n`, [OLD]],
    ['no line end', OLD, [OLD]],
    ['two tokens', `${OLD}\n${NEW}\n`, [OLD, NEW]],
    ['comments and blank lines', `# rotated monthly\n\n  ${OLD}  \r\n#${NEW}\n`, [OLD]],
    ['a byte order mark', `\uFEFF${OLD}\n`, [OLD]],
    ['the shortest', 'x'.repeat(16), ['x'.repeat(16)]],
    ['the longest', 'x'.repeat(512), ['x'.repeat(512)]],
    ['signs of base64', 'AZaz09+/=-_~!@#$%^&*()', ['AZaz09+/=-_~!@#$%^&*()']],
  ])('may have %s', (_what, text, tokens) => {
    expect(parseTokens(text, '/etc/tokens')).toEqual(tokens);
  });

  it.each([
    ['nothing', '', /\/etc\/tokens has no token.*openssl rand -hex 32/],
    ['only comments', '# none\n', /has no token/],
    ['three tokens', `${OLD}\n${NEW}\n${OLD}3`, /has 3 tokens; at most 2 .*Remove the oldest/],
    ['a short token', `\n${'x'.repeat(15)}`, /line 2: the token has 15 characters; 16 to 512 are needed/],
    ['a long token', 'x'.repeat(513), /line 1: the token has 513 characters/],
    ['a colon', 'Authorization:Bearer-abcdef', /line 1: .*':' or a ','.*Falcosidekick/],
    ['a comma', 'abcdefgh,abcdefgh', /':' or a ','/],
    ['a space', 'Bearer abcdefghijklmnop', /a space or a character/],
    ['a letter beyond ASCII', 'äbcdefghijklmnopq', /not visible ASCII/],
  ])('must not have %s', (_what, text, message) => {
    expect(() => parseTokens(text, '/etc/tokens')).toThrow(message);
  });

  it('is never quoted in an error', () => {
    const secret = 'sekrit sekrit sekrit';
    expect(() => parseTokens(secret, '/etc/tokens')).toThrow(expect.not.stringContaining('sekrit') as string);
    expect(catchMessage(() => parseTokens(secret, '/etc/tokens'))).not.toContain('sekrit');
  });
});

describe('a token file', () => {
  let folder: string;
  let path: string;
  let clock: VirtualClock;
  let log: RecordingLog;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tokens-'));
    path = join(folder, 'tokens');
    clock = new VirtualClock();
    log = new RecordingLog();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('that is missing at the start is an error that says what to do', () => {
    expect(() => fileTokens(path, clock, log)).toThrow(/tokens cannot be read: ENOENT.*Mount the secret/);
  });

  it('that changes is obeyed, looked at once a second', async () => {
    writeFileSync(path, OLD);
    const tokens = fileTokens(path, clock, log);
    writeFileSync(path, `${OLD}\n${NEW}`);
    await clock.advance(999);
    expect(tokens()).toEqual([OLD]);
    await clock.advance(1);
    expect(tokens()).toEqual([OLD, NEW]);
    // As a mounted secret changes: another file under the same name.
    writeFileSync(`${path}.next`, NEW);
    renameSync(`${path}.next`, path);
    expect(tokens()).toEqual([OLD, NEW]);
    await clock.advance(1000);
    expect(tokens()).toEqual([NEW]);
    expect(log.lines).toEqual([]);
  });

  it('that changes is obeyed also after somebody set the clock back: a token that was taken away is none', async () => {
    writeFileSync(path, OLD);
    const tokens = fileTokens(path, clock, log);
    writeFileSync(`${path}.next`, NEW);
    renameSync(`${path}.next`, path);
    clock.setBy(-3_600_000);
    await clock.advance(1000);
    expect(tokens()).toEqual([NEW]);
  });

  it.each([
    ['unreadable', () => rmSync(path), /cannot be read/],
    ['empty', () => writeFileSync(path, ''), /has no token/],
    ['wrong', () => writeFileSync(path, 'short'), /has 5 characters/],
  ])(
    'that becomes %s leaves the last good tokens valid and is reported once',
    async (_what, spoil, problem) => {
      writeFileSync(path, OLD);
      const tokens = fileTokens(path, clock, log);
      spoil();
      for (let second = 0; second < 5; second++) {
        await clock.advance(1000);
        expect(tokens()).toEqual([OLD]);
      }
      expect(log.lines).toHaveLength(1);
      expect(log.lines[0]).toMatchObject({
        level: 'error',
        fields: { path, problem: expect.stringMatching(problem) },
      });
      expect(log.text).not.toContain(OLD);

      writeFileSync(path, NEW);
      await clock.advance(1000);
      expect(tokens()).toEqual([NEW]);
      expect(log.lines[1]).toMatchObject({ level: 'info', message: 'token file is good again' });
    },
  );
});

function catchMessage(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('did not throw');
}
