// What took the place of the pod, and which credentials must be changed.
import { z } from 'zod';
import { parseAny } from '../../api/parse.ts';
import { findCondition } from '../../api/conditions.ts';
import type { Condition } from '../../api/policy.ts';
import { captured } from '../captured.ts';
import type { Source } from '../input.ts';
import type { Block, Section, Text, Tone } from '../model.ts';
import { readJson } from '../records.ts';
import { grouped, utc } from '../visible.ts';

const PROOFS = {
  Pinned: { tone: 'Good', words: 'equals the digest in the spec of the pod' },
  Approved: { tone: 'Good', words: 'is on the list of a policy' },
  Baseline: { tone: 'Good', words: 'equals what the workload ran before' },
  None: { tone: 'Unknown', words: 'nothing to compare it with' },
} as const;

const KINDS = { Init: 'init container', Ephemeral: 'for debugging' } as const;

/** The replacement and its proof. */
export function replacement({ incident }: Source): Section {
  const { status } = incident;
  const found = status?.replacement;
  const verified = findCondition(status?.conditions, 'ReplacementVerified');
  const blocks: Block[] = [
    verified ? judgement(verified) : NOT_JUDGED,
    { kind: 'Facts', rows: [...departure(status?.eviction), ...arrival(found)] },
    ...(found ? [runs(found)] : []),
  ];
  return { id: 'replacement', title: 'Replacement', blocks };
}

const NOT_JUDGED: Block = {
  kind: 'Missing',
  in: 'Incident',
  what: 'A judgement of the replacement',
  why: ['The condition ReplacementVerified is not set.'],
};

const TONES: Readonly<Record<string, Tone>> = { True: 'Good', False: 'Bad' };

function judgement({ status, reason, message }: Condition): Block {
  const strong = `Replacement verified: ${status}/${reason}.`;
  return { kind: 'Notice', tone: TONES[status] ?? 'Unknown', text: [{ strong }, message] };
}

type Status = NonNullable<Source['incident']['status']>;
type Row = readonly [string, Text];

function departure(eviction: Status['eviction']): Row[] {
  return [
    [
      eviction?.by === 'Delete' ? 'Deleted past its disruption budget' : 'Eviction accepted',
      eviction?.requestedAt === undefined ? 'no' : utc(eviction.requestedAt),
    ],
    ['Containers ended', eviction?.containedAt === undefined ? 'not seen' : utc(eviction.containedAt)],
    ['Pod gone', eviction?.goneAt === undefined ? 'not seen' : utc(eviction.goneAt)],
  ];
}

function arrival(found: Status['replacement']): Row[] {
  if (!found) return [['Replacement', 'none recorded']];
  return [
    ['Replacement', [{ code: found.name }, 'UID', { code: found.uid }]],
    ['Its node', found.nodeName === undefined ? 'not recorded' : { code: found.nodeName }],
    ['Ready', found.readyAt === undefined ? 'not seen' : utc(found.readyAt)],
    ['Quiet until', found.quietUntil === undefined ? 'not begun' : utc(found.quietUntil)],
  ];
}

function runs({ images }: NonNullable<Status['replacement']>): Block {
  return {
    kind: 'Table',
    title: 'What the replacement runs',
    columns: [{ name: 'Container' }, { name: 'Image', as: 'Hash' }, { name: 'Proof' }],
    rows: images.map(({ container, kind, imageID, proof }): Text[] => [
      kind === undefined ? { code: container } : [{ code: container }, KINDS[kind]],
      { code: imageID },
      [{ tag: proof, tone: PROOFS[proof].tone }, PROOFS[proof].words],
    ]),
  };
}

const text = z.string().max(4096);
const named = z.array(z.object({ name: text, reachedBy: z.array(text).max(1000) })).max(10_000);
/** `rotate.json`, as far as it is shown; what later versions add is left out. */
const RotateSchema = z.object({
  serviceAccount: z.object({
    name: text,
    tokens: z.array(z.object({ volume: text, audience: text, expirationSeconds: z.number() })).max(1000),
    secrets: z.array(text).max(10_000),
  }),
  secrets: named,
  configMaps: named,
  secretProviderClasses: named,
});
type Rotate = z.output<typeof RotateSchema>;

const MAX_ROWS = 300;
const MAX_WAYS = 5;

/** The credentials that were within reach of the pod, by name. */
export function credentials(source: Source): Section {
  return { id: 'credentials', title: 'Credentials to rotate', blocks: credentialBlocks(source) };
}

function credentialBlocks(source: Source): Block[] {
  const what = 'The credentials within reach of the pod';
  const file = captured(source, { file: 'rotate', collectors: ['api-snapshot'] });
  if ('missing' in file) return [{ kind: 'Missing', in: 'Evidence', what, why: file.missing }];
  const parsed = parseAny(RotateSchema, readJson(file.content));
  if (!parsed.success)
    return [{ kind: 'Missing', in: 'Evidence', what, why: ['rotate.json is not what this version reads.'] }];
  const rows = rowsOf(parsed.data);
  const left = rows.length - MAX_ROWS;
  return [
    {
      kind: 'Paragraph',
      text: 'Names only. Not seen from here: values in the image or in the pod itself, files on other volumes, identities that the node or the cloud gives.',
    },
    {
      kind: 'Table',
      columns: [{ name: 'What' }, { name: 'Name', as: 'Path' }, { name: 'Reached by' }],
      rows: rows.slice(0, MAX_ROWS),
    },
    ...(left > 0 ? [{ kind: 'Paragraph', text: `${grouped(left)} more are in rotate.json.` } as const] : []),
  ];
}

function rowsOf({ serviceAccount, secrets, configMaps, secretProviderClasses }: Rotate): Text[][] {
  const each = (what: string, all: Rotate['secrets']) =>
    all.map(({ name, reachedBy }): Text[] => [what, { code: name }, ways(reachedBy)]);
  const tokens = serviceAccount.tokens.map(
    ({ volume, audience, expirationSeconds }) =>
      `token in volume ${volume} for ${audience}, for ${grouped(expirationSeconds)} s`,
  );
  return [
    ...each('Secret', secrets),
    ...each('SecretProviderClass', secretProviderClasses),
    [
      'ServiceAccount',
      { code: serviceAccount.name },
      tokens.length === 0 ? 'no token was mounted' : ways(tokens),
    ],
    ...serviceAccount.secrets.map((name): Text[] => [
      'Secret of the ServiceAccount',
      { code: name },
      'a token without an end, if it is one',
    ]),
    ...each('ConfigMap', configMaps),
  ];
}

function ways(all: readonly string[]): string {
  const left = all.length - MAX_WAYS;
  return `${all.slice(0, MAX_WAYS).join('; ')}${left > 0 ? `; and ${left} more` : ''}`;
}
