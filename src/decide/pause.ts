// The pause switch: what its ConfigMap says.
import { PAUSED_KEY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';

/** How often the pause switch is looked at while it stops something, in milliseconds. */
export const PAUSE_CHECK_MS = 15_000;

/** Where the switch is, for people. */
export const PAUSE_SWITCH = `ConfigMap ${SYSTEM_NAMESPACE}/${SWITCH_CONFIGMAP}`;

/** Why destructive acts are stopped, by the data of the ConfigMap; undefined: they are not. */
export function pausedBy(data: Readonly<Record<string, string>> | undefined): string | undefined {
  const value = data?.[PAUSED_KEY];
  return value === undefined || value === 'false'
    ? undefined
    : `paused by ${PAUSE_SWITCH}, key ${PAUSED_KEY}`;
}
