// What is said about trouble: in errors, in probes and in the log.
import { describe, expect, it } from 'vitest';
import { describeNatsError, isMissing } from '../../../../src/detect/stream/describe-error.ts';
import { StreamStatus } from '../../../../src/detect/stream/status.ts';
import { RecordingLog } from '../support.ts';

const error = (message: string, code?: string | number) =>
  Object.assign(new Error(message), code !== undefined && { code });

describe('an error of the client', () => {
  it.each([
    [error('Authorization Violation'), /does not accept the credentials.*\(Authorization Violation\)/],
    [error('User Authentication Expired'), /does not accept the credentials/],
    [
      error('Permissions Violation for Publish to "$JS.ACK.x"'),
      /does not allow it.*docs\/stream\.md.*"\$JS\.ACK\.x"/,
    ],
    [error("server does not support 'tls'"), /speaks no TLS/],
    [error('connection refused'), /no server listens there/],
    [error('getaddrinfo ENOTFOUND nats', 'ENOTFOUND'), /name of the server is not known/],
    [error('read', 'ECONNRESET'), /broke the connection off/],
    [error('connect', 'EHOSTUNREACH'), /routes and network policies/],
    [error('self-signed certificate in certificate chain'), /TLS fails/],
    [error('JetStream not enabled for account', 10_039), /JetStream does not answer/],
    [error('jetstream is not enabled'), /JetStream does not answer/],
    [error('insufficient storage resources available', 10_047), /max_file_store/],
    [error('heartbeats missed'), /stopped answering/],
    [error('timeout'), /does not answer in time/],
    [error('something new'), /^something new$/],
    ['a text', /^a text$/],
    [undefined, /^the connection ended$/],
    [error(''), /^the connection ended$/],
    [{ odd: true }, /^the connection ended$/],
  ])('%o', (thrown, message) => {
    expect(describeNatsError(thrown)).toMatch(message);
  });

  it.each([
    [error('stream not found', 10_059), true],
    [error('consumer not found', 10_014), true],
    [error('stream not found'), false],
    [error('x', 10_039), false],
    [undefined, false],
  ])('says that something is missing: %o, %s', (thrown, expected) => {
    expect(isMissing(thrown)).toBe(expected);
  });
});

describe('the status', () => {
  const bench = () => {
    const log = new RecordingLog();
    return { log, status: new StreamStatus('nats://nats:4222', log) };
  };

  it('is not ready before the first connection', () => {
    expect(bench().status.reason()).toBe('not connected to nats://nats:4222 yet');
  });

  it('is ready once the server answers, and says so once', () => {
    const { log, status } = bench();
    status.reading();
    status.reading();
    expect(status.reason()).toBeUndefined();
    expect(log.lines).toMatchObject([{ level: 'info', message: 'alerts are read from the stream' }]);
  });

  it('says why there is no connection, and logs each new reason once', () => {
    const { log, status } = bench();
    for (const why of ['refused', 'refused', 'no route', 'refused']) status.disconnected(why);
    expect(status.reason()).toMatch(
      /^not connected to nats:\/\/nats:4222: refused\. Alerts stay in the stream/,
    );
    expect(log.lines).toHaveLength(3);
    expect(log.lines[0]?.level).toBe('warn');
  });

  it('tells a bad set-up from a bad connection', () => {
    const { status } = bench();
    status.unreadable('stream FALCO does not exist');
    expect(status.reason()).toMatch(
      /^connected to .*, but no alert can be read: stream FALCO does not exist/,
    );
  });

  it('warns of what is risky although it is ready, and logs it once', () => {
    const { log, status } = bench();
    status.reading();
    status.found(['a', 'b']);
    status.found(['a', 'b']);
    expect(status.reason()).toBeUndefined();
    expect(status.warning()).toBe('a; b');
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    status.found([]);
    expect(status.warning()).toBeUndefined();
  });

  it('warns while messages cannot be set aside', () => {
    const { log, status } = bench();
    status.deadLetters('no stream');
    status.deadLetters('no stream');
    expect(status.warning()).toMatch(/cannot be set aside, and come again: no stream$/);
    status.deadLetters(undefined);
    status.deadLetters(undefined);
    expect(status.warning()).toBeUndefined();
    expect(log.lines.map(({ level }) => level)).toEqual(['error', 'info']);
  });

  it('is not ready after the end', () => {
    const { status } = bench();
    status.reading();
    status.stopped();
    expect(status.reason()).toBe('this receiver has stopped');
  });
});
