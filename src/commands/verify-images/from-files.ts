// Judges the images in manifests, by the policies, namespaces and lists of approved images among them. Needs no cluster.
import { APPROVED_IMAGES_CONFIGMAP, GROUP } from '../../api/names.ts';
import { namespaceFacts, unreadNamespace } from '../../api/namespace.ts';
import type { AnyPolicy } from '../../api/policy.ts';
import { objectAt } from '../../decide/template-finding.ts';
import { listsForVerification } from '../../decide/verification.ts';
import { asObject, type FileObject } from '../explain/file-objects.ts';
import { readManifests, type Manifest } from '../manifests/read.ts';
import { templateIn, type FileContainer, type FileTemplate } from './file-templates.ts';
import { judgeFileImage } from './file-verdict.ts';
import { ApprovedSources } from './lists.ts';
import { policiesInForce, type KnownSpace } from './policies.ts';
import { openQuestions, type Registries } from './registries.ts';
import { emptyReport, type ImageRow, type Report, type ReportProblem } from './report.ts';

/** What to read. */
export interface FileRequest {
  paths: readonly string[];
  /** Of objects that name none. */
  namespace: string;
  /** What `-` reads; absent: standard input. */
  stdin?: AsyncIterable<Uint8Array | string>;
}

/** What stands in the files besides workloads. */
interface Around {
  policies: FileObject[];
  spaces: FileObject[];
  lists: FileObject[];
}

/** Never throws for what it reads: see the problems. */
export async function verifyFiles(request: FileRequest, registries: Registries): Promise<Report> {
  const { manifests, problems: unread } = await readManifests(request.paths, request.stdin);
  const report = emptyReport();
  for (const { file, line, message } of unread) {
    const at = line === undefined ? file : `${file}:${line}`;
    report.problems.push({ kind: 'File', message: `${at}: ${message}` });
  }
  const templates = manifests.flatMap((one) => templateIn(one, request.namespace) ?? []);
  const listsOf = listsIn(manifests, templates, request.namespace, report.problems);
  report.pods = templates.length;
  report.problems.push(...templates.flatMap(withoutImage));
  const judge = () => templates.flatMap((template) => rowsOf(template, listsOf(template), registries));
  let rows = judge();
  while (await registries.settle()) rows = judge();
  report.images = rows.map(({ row }) => row);
  report.problems.push(...openQuestions(rows.filter(({ isOpen }) => isOpen).length, registries));
  return report;
}

function rowsOf(
  { place, containers }: FileTemplate,
  lists: ReturnType<typeof listsForVerification>,
  registries: Registries,
): { row: ImageRow; isOpen: boolean }[] {
  return containers.filter(hasImage).map(({ name, image, kind }) => {
    const { isOpen = false, message, ...verdict } = judgeFileImage(image, lists, registries);
    const what = kind === 'Container' ? 'container' : `${kind.toLowerCase()} container`;
    const row = { ...place, container: name, kind, image, ...verdict, message: `${what} ${name} ${message}` };
    return { row, isOpen };
  });
}

function hasImage({ image }: FileContainer): boolean {
  return image !== '';
}

// A patch for kustomize says of a container only what it changes.
function withoutImage({ place: { source, object }, containers }: FileTemplate): ReportProblem[] {
  if (containers.length === 0) {
    const message = `${source}: ${object} has no containers: if it is a patch, give what kubectl kustomize prints`;
    return [{ kind: 'Image', message }];
  }
  return containers
    .filter((one) => !hasImage(one))
    .map(({ name }) => ({
      kind: 'Image',
      message: `${source}: container ${name} of ${object} names no image: if it is a patch, give what kubectl kustomize prints`,
    }));
}

function listsIn(
  manifests: readonly Manifest[],
  templates: readonly FileTemplate[],
  namespace: string,
  problems: ReportProblem[],
): (template: FileTemplate) => ReturnType<typeof listsForVerification> {
  const around = aroundOf(manifests, namespace, problems);
  const [cluster, own] = [
    around.policies.filter(({ kind }) => kind === 'ClusterDriftPolicy'),
    around.policies.filter(({ kind }) => kind === 'DriftPolicy'),
  ];
  const spaces = new Map(
    templates.map(({ place }) => [place.namespace, spaceOf(place.namespace, around.spaces)]),
  );
  const stored = { own: own.map(asPolicy), cluster: cluster.length > 0 ? cluster.map(asPolicy) : undefined };
  const policies = policiesInForce(stored, spaces);
  const sources = new ApprovedSources();
  for (const wanted of sources.wantedBy([...spaces.keys()].flatMap((name) => policies.of(name)))) {
    const list = around.lists.findLast(({ metadata }) => metadata.namespace === wanted);
    if (list) sources.note(wanted, objectAt(list['data']));
    else sources.fault(wanted, 'is not in the files');
  }
  problems.push(...policies.problems, ...sources.problems);
  return ({ place, labels, containers }) => {
    const pod = { labels, containers: containers.filter(({ kind }) => kind === 'Container') };
    return listsForVerification(pod, policies.of(place.namespace), sources.of);
  };
}

function aroundOf(manifests: readonly Manifest[], namespace: string, problems: ReportProblem[]): Around {
  const around: Around = { policies: [], spaces: [], lists: [] };
  manifests.forEach((manifest, index) => {
    const into = listFor(manifest, around);
    try {
      into?.push(asObject(manifest, index, namespace));
    } catch (error) {
      problems.push({ kind: 'File', message: error instanceof Error ? error.message : String(error) });
    }
  });
  // Of several with one name the last counts, as if they were applied in the order of the files.
  return { ...around, policies: lastOfEach(around.policies) };
}

function listFor({ object }: Manifest, around: Around): FileObject[] | undefined {
  const { apiVersion, kind, metadata } = object;
  if (String(apiVersion).startsWith(`${GROUP}/`))
    return kind === 'DriftPolicy' || kind === 'ClusterDriftPolicy' ? around.policies : undefined;
  if (apiVersion !== 'v1') return undefined;
  if (kind === 'Namespace') return around.spaces;
  const isList = kind === 'ConfigMap' && objectAt(metadata)['name'] === APPROVED_IMAGES_CONFIGMAP;
  return isList ? around.lists : undefined;
}

function lastOfEach(objects: readonly FileObject[]): FileObject[] {
  const keyed = objects.map((one): [string, FileObject] => [
    `${one.kind}/${one.metadata.namespace ?? ''}/${one.metadata.name}`,
    one,
  ]);
  return [...new Map(keyed).values()];
}

function spaceOf(name: string, spaces: readonly FileObject[]): KnownSpace {
  const found = spaces.findLast(({ metadata }) => metadata.name === name);
  return found
    ? { facts: namespaceFacts(found), labelsKnown: true }
    : { facts: unreadNamespace(name), labelsKnown: false };
}

function asPolicy(object: FileObject): AnyPolicy {
  return object as unknown as AnyPolicy;
}
