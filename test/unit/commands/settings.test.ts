import { describe, expect, it } from 'vitest';
import { kebab, readSettings, SettingsSchema } from '../../../src/settings.ts';

const TLS = { tlsCertFile: '/tls/tls.crt', tlsKeyFile: '/tls/tls.key' };
const TOKEN = { tokenFile: '/tokens' };
const CA = { tlsClientCaFile: '/tls/ca.crt' };

describe('settings of the intake', () => {
  it.each<[string, object]>([
    ['a token', TOKEN],
    ['a token and TLS', { ...TOKEN, ...TLS }],
    ['client certificates', { ...TLS, ...CA }],
    ['a token, TLS and client certificates', { ...TOKEN, ...TLS, ...CA }],
    ['nothing, if somebody said so', { allowUnauthenticatedIntake: true }],
    ['nothing, for a process without an intake', { roles: ['responder'] }],
  ])('may be %s', (_what, given) => {
    expect(readSettings({ ...given })).toMatchObject(given);
  });

  it.each<[string, object, RegExp]>([
    [
      'nothing',
      {},
      /--token-file: is missing, and so is --tls-client-ca-file: .*--allow-unauthenticated-intake/,
    ],
    ['TLS alone', TLS, /--token-file: is missing, and so is --tls-client-ca-file/],
    [
      'a certificate without its key',
      { ...TOKEN, tlsCertFile: '/c' },
      /--tls-key-file: is missing: --tls-cert-file needs/,
    ],
    [
      'a key without its certificate',
      { ...TOKEN, tlsKeyFile: '/k' },
      /--tls-cert-file: is missing: --tls-key-file needs/,
    ],
    [
      'client certificates without TLS',
      CA,
      /--tls-client-ca-file: .*set --tls-cert-file and --tls-key-file as well/,
    ],
    ['a client CA and half of TLS', { ...CA, tlsKeyFile: '/k' }, /--tls-cert-file: is missing/],
    [
      'a token and nobody asked for it',
      { ...TOKEN, allowUnauthenticatedIntake: true },
      /--allow-unauthenticated-intake: contradicts/,
    ],
    [
      'a client CA and nobody asked for it',
      { ...TLS, ...CA, allowUnauthenticatedIntake: true },
      /--allow-unauthenticated-intake: contradicts/,
    ],
  ])('must not be %s: the flags are named', (_what, given, message) => {
    expect(() => readSettings({ ...given })).toThrow(message);
  });

  it('name the flag of an age that is too long', () => {
    expect(() => readSettings({ ...TOKEN, maxAlertAge: '8761h' })).toThrow(/--max-alert-age: is longer than/);
    expect(readSettings({ ...TOKEN, maxAlertAge: '8760h' }).maxAlertAge).toBe('8760h');
  });

  it.each([
    ['23h', /--evidence-retention: is shorter than a day/],
    ['8761h', /--evidence-retention: is longer than a year/],
    ['soon', /--evidence-retention: /],
  ])('name the flag of a retention that cannot be meant: %s', (evidenceRetention, message) => {
    expect(() => readSettings({ ...TOKEN, evidenceRetention })).toThrow(message);
    expect(readSettings({ ...TOKEN, evidenceRetention: '24h' }).evidenceRetention).toBe('24h');
    expect(readSettings(TOKEN).evidenceRetention).toBeUndefined();
  });

  it('name each wrong one by its flag', () => {
    const given = { ...TOKEN, intakePort: '99999', maxAlertAge: 'soon', unknownThing: 1 };
    expect(() => readSettings(given)).toThrow(/--intake-port: .*\n.*--max-alert-age: /s);
  });

  it('let nobody in, and listen on loopback, unless told otherwise', () => {
    expect(readSettings(TOKEN)).toMatchObject({
      allowUnauthenticatedIntake: false,
      insecureIntake: false,
      intakeHost: '127.0.0.1',
    });
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(readSettings(TOKEN))).toBe(true);
  });
});

it.each(Object.keys(SettingsSchema.shape))('the setting %s has a description and a flag', (name) => {
  const schema = SettingsSchema.shape[name as keyof typeof SettingsSchema.shape];
  expect(schema.description).toMatch(/\.$/);
  expect(kebab(name)).toMatch(/^[a-z]+(-[a-z0-9]+)*$/);
});
