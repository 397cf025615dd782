// What took the place of the pod, and which credentials must be changed.
import { z } from 'zod';
import { parseAny } from '../../api/parse.ts';
import { findCondition } from '../../api/conditions.ts';
import { captured } from '../captured.ts';
import type { Source } from '../input.ts';
import type { Block, Section, Text, Tone } from '../model.ts';
import { readJson } from '../records.ts';
import { grouped, utc } from '../visible.ts';

const PROOFS = {
  Pinned: { tone: 'Good', words: 'equals the digest in the spec of the pod' },
  Baseline: { tone: 'Good', words: 'equals what the workload ran before' },
  None: { tone: 'Unknown', words: 'nothing to compare it with' },
} as const;

/** The replacement and its proof. */
export function replacement({ incident }: Source): Section {
  const { status } = incident;
  const { replacement: found, eviction } = status ?? {};
  const verified = findCondition(status?.conditions, 'ReplacementVerified');
  const tones: Readonly<Record<string, Tone>> = { True: 'Good', False: 'Bad' };
  const blocks: Block[] = [
    verified
      ? {
          kind: 'Notice',
          tone: tones[verified.status] ?? 'Unknown',
          text: [
            { strong: `Replacement verified: ${verified.status}/${verified.reason}.` },
            verified.message,
          ],
        }
      : {
          kind: 'Missing',
          in: 'Incident',
          what: 'A judgement of the replacement',
          why: ['The condition ReplacementVerified is not set.'],
        },
    {
      kind: 'Facts',
      rows: [
        ['Eviction accepted', eviction?.requestedAt === undefined ? 'no' : utc(eviction.requestedAt)],
        ['Pod gone', eviction?.goneAt === undefined ? 'not seen' : utc(eviction.goneAt)],
        ...(found
          ? ([
              ['Replacement', [{ code: found.name }, 'UID', { code: found.uid }]],
              ['Its node', found.nodeName === undefined ? 'not recorded' : { code: found.nodeName }],
            ] as const)
          : [['Replacement', 'none recorded'] as const]),
      ],
    },
    ...(found
      ? [
          {
            kind: 'Table',
            title: 'What the replacement runs',
            columns: [{ name: 'Container' }, { name: 'Image', as: 'Hash' }, { name: 'Proof' }],
            rows: found.images.map(({ container, imageID, proof }): Text[] => [
              { code: container },
              { code: imageID },
              [{ tag: proof, tone: PROOFS[proof].tone }, PROOFS[proof].words],
            ]),
          } as const,
        ]
      : []),
  ];
  return { id: 'replacement', title: 'Replacement', blocks };
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
