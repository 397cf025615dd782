// What `die-operator doctor` says of alerts, by what receivers noted.
import { describe, expect, it } from 'vitest';
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { examine, type DoctorContext, type State } from '../../../src/commands/doctor/check.ts';
import { ALERTS } from '../../../src/commands/doctor/intake.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const clock = new VirtualClock();
const MINUTE = 60_000;
const at = (ms: number) => new Date(clock.now() - ms).toISOString();

/** What is found where the record holds this, or cannot be read. */
async function found(answer: Record<string, string> | undefined | KubeError) {
  const metadata = { name: INTAKE_CONFIGMAP, namespace: SYSTEM_NAMESPACE };
  const get = () =>
    answer instanceof KubeError ? Promise.reject(answer) : Promise.resolve({ metadata, data: answer });
  const client = { get: get };
  return examine([ALERTS], { client, clock } as unknown as DoctorContext);
}

const canary = (ms: number, rest: object = {}) => ({ lastCanarySentTimestamp: at(ms), ...rest });
const alerted = { lastAlertTimestamp: at(5 * MINUTE) };

describe('the check of alerts', () => {
  it.each<[string, Record<string, string> | undefined, [State, RegExp][]]>([
    ['nothing ever came', undefined, [['warning', /no alert and no test event has ever come/]]],
    [
      'alerts come, and nobody asks for test events',
      alerted,
      [
        ['ok', /^the last alert came at 2026-11-21T23:55:00.000Z$/],
        ['skipped', /nobody asks for test events: set --falcosidekick-url/],
      ],
    ],
    [
      'the canary works, and no alert has come',
      canary(MINUTE, { lastCanaryAnswered: at(MINUTE), lastTestTimestamp: at(MINUTE - 9) }),
      [
        ['warning', /^no alert has come yet$/],
        ['ok', /^the last test event came at 2026-11-21T23:59:00.009Z$/],
        ['ok', /^the test event asked for at 2026-11-21T23:59:00.000Z arrived$/],
      ],
    ],
    [
      'one test event is on its way',
      { ...alerted, ...canary(9) },
      [
        ['ok', /last alert/],
        ['ok', /is on its way$/],
      ],
    ],
    [
      'one did not arrive',
      { ...alerted, ...canary(MINUTE) },
      [
        ['ok', /last alert/],
        ['warning', /^the test event .* did not arrive$/],
      ],
    ],
    [
      'two did not',
      { ...alerted, ...canary(MINUTE, { canariesMissed: '1' }) },
      [
        ['ok', /last alert/],
        ['warning', /^the last 2 test events, .* did not arrive: alerts may not either$/],
      ],
    ],
    [
      'nobody asks any more',
      { ...alerted, ...canary(26 * 60 * MINUTE) },
      [
        ['ok', /last alert/],
        ['skipped', /nobody asks for test events/],
      ],
    ],
  ])('when %s', async (_when, data, expected) => {
    const findings = await found(data);
    expect(findings.map(({ check, state }) => [check, state])).toEqual(
      expected.map(([state]) => ['alerts', state]),
    );
    for (const [index, [, message]] of expected.entries()) expect(findings[index]?.message).toMatch(message);
    // Whoever reads a warning is told what to do.
    for (const { state, cure } of findings) expect(cure !== undefined).toBe(state === 'warning');
  });

  it('says what to do where the record is missing', async () => {
    const missing = new KubeError('cannot get it', { status: 404, reason: 'NotFound' });
    expect(await found(missing)).toMatchObject([
      { state: 'warning', cure: expect.stringContaining('Apply config/default again') },
    ]);
  });

  it('says whom to ask where it may not be read', async () => {
    const forbidden = new KubeError('cannot get it', { status: 403, reason: 'Forbidden' });
    expect(await found(forbidden)).toMatchObject([
      { state: 'skipped', message: expect.stringContaining('ask somebody who is') },
    ]);
  });
});
