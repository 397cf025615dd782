// Checks of whether alerts come in, by what receivers noted: a way in that is broken is silent.
import type { KubeObject } from '../../api/meta.ts';
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../../api/names.ts';
import {
  INTAKE_RECORD,
  missedOf,
  readIntake,
  routeOf,
  type IntakeData,
  type IntakeTimes,
} from '../../decide/silence.ts';
import { orAbsent } from '../../kube/absent.ts';
import { isForbidden } from '../../kube/errors.ts';
import { CONFIG_MAPS } from '../../kube/resources.ts';
import { ok, skipped, warning, type Check, type DoctorContext, type Finding } from './check.ts';

type Found = Omit<Finding, 'check'>;

const HOUR_MS = 3_600_000;
/** The longest interval of the canary is a day: after this nobody asks for test events any more. */
const CANARY_OVER_MS = 25 * HOUR_MS;
const ROUTE_CURE =
  'Look at the webhook output of Falcosidekick: its address, its token or certificate, its minimum priority. Then have it send a test event: docs/silence.md.';
const NO_RECORD_CURE =
  'Apply config/default again; alerts are taken in without it, and silence is not noticed.';

async function look({ client, clock }: DoctorContext): Promise<Found[]> {
  const at = { namespace: SYSTEM_NAMESPACE, name: INTAKE_CONFIGMAP };
  try {
    const map = await orAbsent(client.get<KubeObject & { data?: IntakeData }>(CONFIG_MAPS, at));
    if (!map) return [warning(`there is no ${INTAKE_RECORD} to note in when alerts come`, NO_RECORD_CURE)];
    return judge(readIntake(map.data, clock.now()), clock.now());
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return [
      skipped(`not allowed to read ${INTAKE_RECORD}, which says when alerts came: ask somebody who is`),
    ];
  }
}

/** What the record says, for people. */
export function judge(times: IntakeTimes, now: number): Found[] {
  const { lastAlert, lastTest } = times;
  if (lastAlert === undefined && lastTest === undefined && !times.canary)
    return [warning('no alert and no test event has ever come', ROUTE_CURE)];
  const alert =
    lastAlert === undefined
      ? warning(
          'no alert has come yet',
          'Do something in a container that a rule of Falco names, and look again: docs/silence.md.',
        )
      : ok(`the last alert came at ${timeText(lastAlert)}`);
  const test = lastTest === undefined ? [] : [ok(`the last test event came at ${timeText(lastTest)}`)];
  return [alert, ...test, canaryOf(times, now)];
}

function canaryOf(times: IntakeTimes, now: number): Found {
  const sentAt = times.canary?.sentAt;
  if (sentAt === undefined || now - sentAt > CANARY_OVER_MS)
    return skipped(
      'nobody asks for test events: set --falcosidekick-url of the receiver, see docs/silence.md',
    );
  const asked = `asked for at ${timeText(sentAt)}`;
  switch (routeOf(times, now)) {
    case 'Works':
      return ok(`the test event ${asked} arrived`);
    case 'Silent':
      return warning(
        `the last ${missedOf(times, now)} test events, the last of them ${asked}, did not arrive: alerts may not either`,
        ROUTE_CURE,
      );
    default:
      return missedOf(times, now) > 0
        ? warning(
            `the test event ${asked} did not arrive`,
            'Look again after the next one; a restart loses one.',
          )
        : ok(`the test event ${asked} is on its way`);
  }
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}

export const ALERTS: Check = { name: 'alerts', look };
