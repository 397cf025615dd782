// What is signed of a bundle: an in-toto Statement about its manifest and each of its files.
import { z } from 'zod';
import { GROUP } from '../api/names.ts';
import { encodeEnvelope, preAuthEncoding } from './dsse.ts';
import { MANIFEST_FILE, sha256, type Manifest } from './manifest.ts';
import type { Signer } from './sign.ts';

/** Media type of the payload of the envelope. */
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
/** Kind of the statement, of in-toto. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
/** What the statement says of its subjects: that they are the evidence of an incident. */
export const PREDICATE_TYPE = `https://${GROUP}/evidence/v1`;

const hash = z.string().regex(/^[0-9a-f]{64}$/);

const StatementSchema = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(z.object({ name: z.string().max(1024), digest: z.object({ sha256: hash }) })),
  predicateType: z.literal(PREDICATE_TYPE),
});

/** What a statement says: SHA-256 by the name of the file. */
export type Subjects = ReadonlyMap<string, string>;

/** The envelope of a manifest, signed. `bytes` are those of the manifest. */
export function signManifest(manifest: Manifest, bytes: Uint8Array, signer: Signer): Uint8Array {
  const payload = Buffer.from(JSON.stringify(statementOf(manifest, bytes)));
  const signature = signer.sign(preAuthEncoding(PAYLOAD_TYPE, payload));
  return encodeEnvelope({
    payloadType: PAYLOAD_TYPE,
    payload,
    signatures: [{ keyId: signer.keyId, signature }],
  });
}

/** Reads a statement. Throws an Error that says what is wrong with it. */
export function parseStatement(payloadType: string, payload: Uint8Array): Subjects {
  if (payloadType !== PAYLOAD_TYPE) throw new Error(`its payload is no ${PAYLOAD_TYPE}`);
  const parsed = StatementSchema.safeParse(
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)),
  );
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error).slice(0, 512));
  const subjects = new Map(parsed.data.subject.map(({ name, digest }) => [name, digest.sha256]));
  if (subjects.size < parsed.data.subject.length) throw new Error('it names a file twice');
  return subjects;
}

function statementOf({ files, incident, target, tool, finishedAt }: Manifest, bytes: Uint8Array) {
  const { namespace, name, uid } = target;
  return {
    _type: STATEMENT_TYPE,
    subject: [
      { name: MANIFEST_FILE, digest: { sha256: sha256(bytes) } },
      ...files.map((file) => ({ name: file.path, digest: { sha256: file.sha256 } })),
    ],
    predicateType: PREDICATE_TYPE,
    predicate: { incident, target: { namespace, name, uid }, tool, finishedAt },
  };
}
