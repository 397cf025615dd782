// Which servers alerts are taken from.
import { describe, expect, it } from 'vitest';
import {
  assertSafeServers,
  openServer,
  parseServers,
  type StreamProtection,
} from '../../../../src/detect/stream/servers.ts';

const FAR = parseServers(['nats://nats.nats.svc:4222']);
const NEAR = parseServers(['nats://127.0.0.1:4222', 'nats://localhost', 'nats://[::1]:4223']);
const SAFE: StreamProtection = {
  authenticated: true,
  encrypted: true,
  allowUnauthenticated: false,
  insecure: false,
};

describe('the URL of a server', () => {
  it.each([
    ['nats://nats.nats.svc:4222', 'nats://nats.nats.svc:4222', 'nats.nats.svc', false],
    ['nats://nats', 'nats://nats:4222', 'nats', false],
    ['tls://nats.example:443/', 'tls://nats.example:443', 'nats.example', true],
    ['nats://10.0.0.7', 'nats://10.0.0.7:4222', '10.0.0.7', false],
    ['nats://[::1]:4223', 'nats://[::1]:4223', '::1', false],
  ])('may be %s', (text, url, host, encrypted) => {
    expect(parseServers([text])).toEqual([{ url, host, encrypted }]);
  });

  it.each([
    ['nats.nats.svc:4222', /must begin with nats:\/\/ or tls:\/\/|is not a URL/],
    ['', /is not a URL/],
    ['nats://', /is not a URL/],
    ['http://nats:4222', /must begin with nats:\/\/ or tls:\/\/, not http:\/\//],
    ['ws://nats:4222', /not ws:\/\//],
    ['nats://nats:99999', /is not a URL/],
    ['nats://nats:4222/path', /something after the port/],
    ['nats://nats:4222?x=1', /something after the port/],
    ['nats://nats:4222#x', /something after the port/],
  ])('may not be %j', (text, message) => {
    expect(() => parseServers([text])).toThrow(message);
  });

  it.each(['nats://falco:sekrit@nats:4222', 'nats://sekrit@nats:4222', 'nats://:sekrit@nats'])(
    'holds no credentials, and does not quote them: %s',
    (text) => {
      const parse = () => parseServers(['nats://good', text]);
      expect(parse).toThrow(/number 2: holds credentials.*--stream-token-file/);
      expect(parse).toThrow(expect.not.stringContaining('sekrit') as string);
    },
  );

  it('is needed, and there may be 16', () => {
    expect(() => parseServers([])).toThrow(/1 to 16 servers are needed, not 0/);
    expect(parseServers(Array.from({ length: 16 }, (_, index) => `nats://n${index}`))).toHaveLength(16);
    expect(() => parseServers(Array.from({ length: 17 }, () => 'nats://n'))).toThrow(/not 17/);
  });
});

describe('a server beyond loopback', () => {
  it('is used with credentials and TLS', () => {
    expect(() => assertSafeServers(FAR, SAFE)).not.toThrow();
  });

  it.each<[string, Partial<StreamProtection>, RegExp]>([
    [
      'credentials',
      { authenticated: false },
      /without credentials: whoever can publish.*--allow-unauthenticated-stream/,
    ],
    [
      'TLS',
      { encrypted: false },
      /nats:\/\/nats\.nats\.svc:4222 would be used without TLS.*--insecure-stream/,
    ],
    ['either', { authenticated: false, encrypted: false, insecure: true }, /without credentials/],
  ])('is not used without %s', (_what, change, message) => {
    expect(() => assertSafeServers(FAR, { ...SAFE, ...change })).toThrow(message);
  });

  it.each<[string, Partial<StreamProtection>]>([
    ['credentials', { authenticated: false, allowUnauthenticated: true }],
    ['TLS', { encrypted: false, insecure: true }],
    ['both', { authenticated: false, allowUnauthenticated: true, encrypted: false, insecure: true }],
  ])('is used without %s if somebody accepted that', (_what, change) => {
    expect(() => assertSafeServers(FAR, { ...SAFE, ...change })).not.toThrow();
  });

  it('counts although another one is on loopback', () => {
    const mixed = [...NEAR, ...FAR];
    expect(() => assertSafeServers(mixed, { ...SAFE, encrypted: false })).toThrow(/nats\.nats\.svc/);
  });
});

describe('a server on loopback', () => {
  it('needs neither credentials nor TLS', () => {
    const nothing = { ...SAFE, authenticated: false, encrypted: false };
    expect(() => assertSafeServers(NEAR, nothing)).not.toThrow();
  });
});

it('refuses TLS to an address, which the client could not check', () => {
  const servers = parseServers(['tls://10.0.0.7:4222']);
  expect(() => assertSafeServers(servers, SAFE)).toThrow(
    /tls:\/\/10\.0\.0\.7:4222 is an address.*Write the name/,
  );
});

describe('a server that one connected to', () => {
  const strict = { allowUnauthenticated: false };

  it.each([
    ['asks for credentials', { auth_required: true }],
    ['asks for client certificates', { tls_verify: true }],
  ])('is trusted if it %s', (_what, gate) => {
    expect(openServer(gate, FAR, strict)).toBeUndefined();
  });

  it.each([
    ['says that everybody may come in', { auth_required: false, tls_verify: false }],
    ['says nothing of it', {}],
    ['said nothing at all', undefined],
  ])('is not trusted if it %s', (_what, gate) => {
    expect(openServer(gate, FAR, strict)).toMatch(/lets everybody in.*--allow-unauthenticated-stream/);
  });

  it('may let everybody in on loopback, or if somebody accepted that', () => {
    expect(openServer({}, NEAR, strict)).toBeUndefined();
    expect(openServer({}, FAR, { allowUnauthenticated: true })).toBeUndefined();
    expect(openServer({}, [...NEAR, ...FAR], strict)).toBeDefined();
  });
});
