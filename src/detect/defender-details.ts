// What an alert of Microsoft Defender for Cloud tells besides who and when: the program, and fields for conditions of policies.
import { FIELD_LIMITS } from '../api/detection.ts';
import type { Entities } from './defender-entities.ts';
import { keyed, textOf, unpacked, type Keyed } from './defender-keys.ts';
import { keptFields } from './fields.ts';
import { cleanText } from './sanitize.ts';

const MAX_EXECUTABLE = 512;

/** Path of the program that ran, if it is told in whole. Of several processes the one that is nobody's parent. */
export function executableIn(entities: Entities): string | undefined {
  const process = processIn(entities);
  const file = process ? entities.follow(process.get('imagefile')) : entities.ofType('file')[0];
  const path = pathOf(file);
  return path === undefined ? undefined : cleanText(path, MAX_EXECUTABLE);
}

/**
 * By `defender.` and the name of the property: those of the alert that matter, and its extended properties as they are named,
 * into what room is left. They can be the attacker's, so a name of ours is never theirs, whatever its case and whether or not
 * the alert tells it.
 */
export function defenderFields(alert: Keyed, entities: Entities): Record<string, string> {
  const own = ownOf(alert, entities);
  const reserved = new Set([...own.keys()].map((name) => name.toLowerCase()));
  const theirs = extendedOf(alert).filter(([name]) => !reserved.has(name.toLowerCase()));
  const ours = keptFields(prefixed([...own]));
  return { ...ours, ...fitted(Object.entries(keptFields(prefixed(theirs))), Object.entries(ours)) };
}

function ownOf(alert: Keyed, entities: Entities): Map<string, string | undefined> {
  const process = processIn(entities);
  const image = entities.ofType('container-image')[0];
  return new Map([
    ['alertType', textOf(alert, 'alerttype')],
    ['systemAlertId', textOf(alert, 'systemalertid', 'resource name', 'vendororiginalid')],
    ['severity', textOf(alert, 'severity', 'alertseverity')],
    ['intent', textOf(alert, 'intent', 'tactics')],
    ['status', textOf(alert, 'status')],
    ['productName', textOf(alert, 'productname')],
    ['compromisedEntity', textOf(alert, 'compromisedentity')],
    ['imageId', textOf(image, 'imageid')],
    ['processId', textOf(process, 'processid')],
    ['commandLine', textOf(process, 'commandline')],
  ]);
}

// What is undefined is not kept.
function prefixed(entries: readonly [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries(entries.map(([name, value]) => [`defender.${name}`, value]));
}

/** As many as there is room for beside those before: at most half of it is for names, and the longest values are cut alike. */
function fitted(
  entries: readonly [string, string][],
  before: readonly [string, string][],
): Record<string, string> {
  const room =
    FIELD_LIMITS.total - before.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  const taken: [string, string][] = [];
  let left = room;
  for (const entry of entries.slice(0, FIELD_LIMITS.fields - before.length)) {
    if (left - entry[0].length < room / 2) break;
    left -= entry[0].length;
    taken.push(entry);
  }
  const shortestFirst = taken.toSorted(([, a], [, b]) => a.length - b.length);
  const cut = shortestFirst.map(([name, value], index): [string, string] => {
    const text = cleanText(value, Math.floor(left / (taken.length - index)));
    left -= text.length;
    return [name, text];
  });
  return Object.fromEntries(cut);
}

// With the names as they are written, unlike `keyed`: policies read them.
function extendedOf(alert: Keyed): [string, unknown][] {
  const told = unpacked(alert.get('extendedproperties'))?.value;
  return keyed(told) ? Object.entries(told as object) : [];
}

function processIn(entities: Entities): Keyed | undefined {
  const all = entities.ofType('process');
  const parents = new Set(all.map((one) => entities.follow(one.get('parentprocess'))));
  return all.find((one) => !parents.has(one)) ?? all[0];
}

function pathOf(file: Keyed | undefined): string | undefined {
  const [directory, name] = [textOf(file, 'directory'), textOf(file, 'name')];
  if (name === undefined) return undefined;
  if (name.startsWith('/')) return name;
  return directory?.startsWith('/') ? `${withoutSlashes(directory)}/${name}` : undefined;
}

// Without those at its end. A regular expression would look from each slash to the end of them all.
function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end--;
  return path.slice(0, end);
}
