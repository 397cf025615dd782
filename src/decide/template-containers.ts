// Where the containers of a pod differ from its template: which there are, and what each runs.
import { pinnedDigest, qualifiedName } from './images.ts';
import { added, addition, type ContainerRules, type Place } from './template-added.ts';
import { commandFinding, environmentFindings, words } from './template-environment.ts';
import { objectAt, objectsAt, shownName, shownPair, shownPart, textAt } from './template-finding.ts';
import type { Json, TemplateFinding } from './template-finding.ts';
import { mountFindings } from './template-mounts.ts';
import { contextOf, securityFindings } from './template-security.ts';

/** Lists of containers that a template has. */
const LISTS = [
  { list: 'containers', what: 'container' },
  { list: 'initContainers', what: 'init container' },
] as const;
/** Where a container says what is run in it besides its image. */
const COMMANDS = [
  'command',
  'args',
  'workingDir',
  'lifecycle.postStart.exec.command',
  'lifecycle.preStop.exec.command',
  'livenessProbe.exec.command',
  'readinessProbe.exec.command',
  'startupProbe.exec.command',
] as const;
/** Compares the containers of all lists. */
export function containerFindings(rules: ContainerRules): TemplateFinding[] {
  const { pod } = rules;
  const template = rules.template.spec;
  const ofTemplate = LISTS.flatMap(({ list, what }) => {
    const approved = new Map(objectsAt(template[list]).map((one) => [textAt(one['name']), one]));
    const runs = objectsAt(pod[list]);
    const there = new Set(runs.map(({ name }) => textAt(name)));
    const missing = [...approved].filter(([name]) => !there.has(name));
    return [
      ...runs.flatMap((one) => {
        const name = textAt(one['name']);
        const place = placeOf(list, what, name);
        const before = approved.get(name);
        if (before) return changed(before, one, place, rules);
        return added(one, { isInit: list === 'initContainers', place }, rules);
      }),
      ...missing.map(([name, one]) => missed(one, placeOf(list, what, name))),
    ];
  });
  const ephemeral = objectsAt(pod['ephemeralContainers']).map((one) =>
    addition('EphemeralContainer', one, ephemeralPlace(textAt(one['name'])), rules),
  );
  return [...ofTemplate, ...ephemeral];
}

function placeOf(list: string, what: string, name: string): Place {
  const container = shownName(name);
  return { container, path: `spec.${list}[${container}]`, who: `${what} ${container}` };
}

function ephemeralPlace(name: string): Place {
  return placeOf('ephemeralContainers', 'ephemeral container', name);
}

function missed(container: Json, { path, who, container: name }: Place): TemplateFinding {
  return {
    kind: 'MissingContainer',
    container: name,
    field: path,
    ...shownPair(`image ${textAt(container['image'])}`, ''),
    danger: false,
    message: `the pod lacks ${who} of its template`,
  };
}

function changed(approved: Json, runs: Json, place: Place, rules: ContainerRules): TemplateFinding[] {
  return [
    ...imageFindings(approved, runs, place),
    ...commandFindings(approved, runs, place),
    ...environmentFindings(approved, runs, place, rules),
    ...securityFindings(contextOf(approved, rules.template), runs['securityContext'], place),
    ...mountFindings(approved, runs, place, rules.volumes),
  ];
}

function imageFindings(approved: Json, runs: Json, place: Place): TemplateFinding[] {
  const [before, now] = [textAt(approved['image']), textAt(runs['image'])];
  if (before === now || isPinned(before, now)) return [];
  const { path, who, container } = place;
  return [
    {
      kind: 'Image',
      container,
      field: `${path}.image`,
      ...shownPair(before, now),
      danger: false,
      message: `${who} asks for image ${shownPart(now)} where its template has ${shownPart(before)}`,
    },
  ];
}

// Admission adds the digest that a tag has, and writes out what the name leaves out: another name of the same image, and the
// digest itself is judged with what the container runs.
function isPinned(before: string, now: string): boolean {
  const digest = pinnedDigest(now);
  if (digest === undefined || before.includes('@')) return false;
  return qualifiedName(now.slice(0, -digest.length - 1)) === qualifiedName(before);
}

function commandFindings(approved: Json, runs: Json, place: Place): TemplateFinding[] {
  return COMMANDS.flatMap((field) => {
    const [before, now] = [words(at(approved, field)), words(at(runs, field))];
    return before === now ? [] : [commandFinding(field, shownPair(before, now), place)];
  });
}

function at(container: Json, path: string): unknown {
  let value: unknown = container;
  for (const key of path.split('.')) value = objectAt(value)[key];
  return value;
}
