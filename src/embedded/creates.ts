// POST: a new object.
import type { KubeObject } from '../api/meta.ts';
import type { Random } from '../kube/clock.ts';
import { apiVersionOf, PODS } from '../kube/resources.ts';
import { admit, requireNamespace } from './admission.ts';
import {
  randomText,
  randomUid,
  serverTime,
  subjectOf,
  type Backend,
  type Collection,
  type WriteMode,
} from './backend.ts';
import { withFirstDefaults } from './defaults.ts';
import { frozen, objectAt, textAt, type JsonObject } from './json.ts';
import type { ServedKind } from './kinds.ts';
import { decodeProblem, invalidValue, metadataProblems, normalizedMetadata } from './metadata.ts';
import { admittedPod } from './pod-admission.ts';
import { chargeQuotas } from './quotas.ts';
import { alreadyExists, badRequest, failure, invalid, unrecognized } from './status.ts';
import { objectKey } from './store.ts';
import { refuseUnknownFields, validated } from './validators.ts';

/** Alphabet and length of generated name endings (k8s.io/apimachinery/pkg/util/rand: no vowels, no words). */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_GENERATED_NAME = 63;
/** How often the server tries another ending when the name is taken. */
const NAME_ATTEMPTS = 8;

/** Stores a new object and returns it; with `dryRun` returns what would be stored. */
export function createObject(
  backend: Backend,
  { kind, namespace }: Collection,
  body: JsonObject,
  mode: WriteMode,
): KubeObject {
  const sent = decoded(kind, body);
  const metadata = objectAt(sent['metadata']);
  if (mode.strict) refuseUnknownFields(backend, kind, sent);
  if ((metadata['namespace'] ?? namespace) !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const toldName = textAt(metadata['name']) || textAt(metadata['generateName']) || 'Unknown';
  requireNamespace(backend, subjectOf({ kind, namespace, name: toldName }));
  if (textAt(metadata['resourceVersion']) !== '') {
    throw failure(500, undefined, 'resourceVersion should not be set on objects to be created');
  }
  const object = completed(backend, { kind, namespace }, sent, toldName);
  const { name } = object.metadata;
  admit(backend, {
    operation: 'CREATE',
    ...subjectOf({ kind, namespace, name }),
    object,
    dryRun: mode.dryRun,
    userAgent: mode.userAgent,
  });
  const holder = backend.store.get(kind.resource, objectKey({ namespace, name }));
  if (holder) throw alreadyExists(kind.resource, name, holder.metadata.deletionTimestamp !== undefined);
  if (kind.resource === PODS) chargeQuotas(backend, object, mode);
  return mode.dryRun ? object : backend.store.put(kind.resource, object);
}

/** The body as the decoder of that kind takes it; throws a 400, or a 422 for a custom resource of another kind. */
export function decoded(kind: ServedKind, body: JsonObject): JsonObject {
  const { resource } = kind;
  // Only types that are compiled into the server may leave out what the URL says already.
  const apiVersion = textAt(body['apiVersion']) || (kind.custom ? '' : apiVersionOf(resource));
  const kindName = textAt(body['kind']) || (kind.custom ? '' : resource.kind);
  if (kindName === '')
    throw badRequest(
      unrecognized(
        resource.kind,
        JSON.stringify(body),
        `Object 'Kind' is missing in '${JSON.stringify(body)}'`,
      ),
    );
  const cannot = `${kindName} in version "${apiVersion.split('/').at(-1) ?? ''}" cannot be handled as a ${resource.kind}`;
  if (apiVersion !== apiVersionOf(resource)) throw badRequest(cannot);
  if (kindName !== resource.kind) {
    if (!kind.custom) throw badRequest(cannot);
    const name = textAt(objectAt(body['metadata'])['name']);
    const problem = invalidValue('kind', kindName, `must be ${resource.kind}`);
    throw invalid({ group: resource.group, kind: kindName }, name, [problem]);
  }
  const problem = decodeProblem(objectAt(body['metadata']));
  if (problem !== undefined) throw badRequest(`${cannot}: ${problem}`);
  return { ...body, apiVersion, kind: kindName };
}

function completed(backend: Backend, at: Collection, sent: JsonObject, toldName: string): KubeObject {
  const { kind } = at;
  const metadata = systemMetadata(backend, at, objectAt(sent['metadata']));
  const draft = withFirstDefaults(kind.resource.kind, { ...sent, metadata });
  const filled = kind.resource === PODS ? admittedPod(backend, draft, toldName) : draft;
  const object = { ...filled, metadata: normalizedMetadata(objectAt(filled['metadata'])) };
  const problems = metadataProblems(object.metadata, kind.resource.kind !== 'Namespace');
  if (problems.length > 0) throw invalid(kind.resource, textAt(metadata['name']), problems);
  return frozen(validated(backend, kind, object as unknown as KubeObject));
}

function systemMetadata(backend: Backend, { kind, namespace }: Collection, sent: JsonObject): JsonObject {
  const { deletionTimestamp: _dt, deletionGracePeriodSeconds: _gp, ...own } = sent;
  const taken = (name: string) =>
    backend.store.get(kind.resource, objectKey({ namespace, name })) !== undefined;
  return {
    ...own,
    name:
      (own['name'] ?? '') === '' ? generatedName(own['generateName'], backend.random, taken) : own['name'],
    namespace,
    uid: randomUid(backend.random),
    generation: kind.generation ? 1 : undefined,
    creationTimestamp: serverTime(backend.clock.now()),
  };
}

function generatedName(
  prefix: unknown,
  random: Random,
  taken: (name: string) => boolean,
): string | undefined {
  if (typeof prefix !== 'string' || prefix === '') return undefined;
  const base = prefix.slice(0, MAX_GENERATED_NAME - SUFFIX_LENGTH);
  const attempt = () => base + randomText(random, NAME_ALPHABET, SUFFIX_LENGTH);
  let name = attempt();
  for (let tries = 1; tries < NAME_ATTEMPTS && taken(name); tries++) name = attempt();
  return name;
}
