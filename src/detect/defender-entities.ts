// The entities of an alert of Microsoft Defender for Cloud: a graph of objects that refer to each other by `$id` and `$ref`.
import { keyed, listOf, textOf, type Keyed } from './defender-keys.ts';

/** Entities of one alert; published examples have about ten. */
export const MAX_ENTITIES = 512;
/** Objects in them, whatever they are. */
const MAX_OBJECTS = 4_096;
/** Longest way from one reference over others to what is meant. */
const MAX_HOPS = 8;

/** The entities of one alert. */
export interface Entities {
  /** All of a type, at whatever depth. @param type in lower case, such as `k8s-pod`. */
  ofType(type: string): readonly Keyed[];
  /** The object in the graph, or the one that it refers to; undefined if there is none, or several have that `$id`. */
  follow(value: unknown): Keyed | undefined;
}

/** Reads them. @returns what is wrong, in words for people, if there are too many. */
export function readEntities(list: readonly unknown[]): Entities | string {
  if (list.length > MAX_ENTITIES) return `must not be more than ${MAX_ENTITIES}`;
  const read = objectsIn(list);
  if (read.size > MAX_OBJECTS) return `must not hold more than ${MAX_OBJECTS} objects`;
  const all = [...read.values()];
  const byId = indexed(all);
  const byType = Map.groupBy(all, (one) => textOf(one, 'type')?.toLowerCase() ?? '');
  return {
    ofType: (type) => byType.get(type) ?? [],
    follow: (value) => followed(read.get(value), byId),
  };
}

// Not recursive: how deep it goes was limited when it was read, and JSON has no cycles but by its references.
function objectsIn(list: readonly unknown[]): Map<unknown, Keyed> {
  const found = new Map<unknown, Keyed>();
  const left: unknown[] = [list];
  while (left.length > 0 && found.size <= MAX_OBJECTS) {
    const value = left.pop();
    const object = keyed(value);
    if (object) found.set(value, object);
    for (const inner of object?.values() ?? listOf(value))
      if (typeof inner === 'object' && inner !== null) left.push(inner);
  }
  return found;
}

// An `$id` that two objects have names neither of them.
function indexed(all: readonly Keyed[]): Map<string, Keyed | undefined> {
  const byId = new Map<string, Keyed | undefined>();
  for (const one of all) {
    const id = textOf(one, '$id');
    if (id !== undefined) byId.set(id, byId.has(id) ? undefined : one);
  }
  return byId;
}

function followed(from: Keyed | undefined, byId: ReadonlyMap<string, Keyed | undefined>): Keyed | undefined {
  let at = from;
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    const ref = textOf(at, '$ref');
    if (ref === undefined) return at;
    at = byId.get(ref);
  }
  return undefined;
}
