// Checks the envelope of a bundle: who signed it, and what.
import { parseEnvelope, preAuthEncoding, type Envelope } from './dsse.ts';
import { messageOf } from './error-message.ts';
import { ENVELOPE_FILE } from './manifest.ts';
import { isSafePath } from './path.ts';
import type { Verifier } from './sign.ts';
import { parseStatement, type Subjects } from './statement.ts';
import type { Difference, Layer } from './verify.ts';

/** What an envelope is worth. */
export interface CheckedEnvelope {
  differences: Difference[];
  /** Those of the given keys that signed it. */
  signedBy: string[];
  /** There is one. */
  present: boolean;
  /** What it says; with keys only if one of them signed it. */
  subjects?: Subjects;
}

/** See the file's first line. Without keys only what it says is read. */
export function checkEnvelope(bytes: Uint8Array, keys: readonly Verifier[]): CheckedEnvelope {
  const invalid = (layer: Layer, detail: string, signedBy: string[] = []): CheckedEnvelope => ({
    differences: [{ path: ENVELOPE_FILE, layer, kind: 'invalid', detail }],
    signedBy,
    present: true,
  });
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(bytes);
  } catch (error) {
    return invalid('signature', `is no envelope with signatures: ${messageOf(error)}`);
  }
  const signedBy = signersOf(envelope, keys);
  if (keys.length > 0 && signedBy.length === 0)
    return invalid('signature', `is signed by none of the given keys; it names ${namesOf(envelope)}`);
  try {
    const subjects = parseStatement(envelope.payloadType, envelope.payload);
    for (const path of subjects.keys())
      if (!isSafePath(path)) throw new Error(`${JSON.stringify(path)} is not a safe path`);
    return { differences: [], signedBy, present: true, subjects };
  } catch (error) {
    return invalid('statement', `holds no statement about evidence: ${messageOf(error)}`, signedBy);
  }
}

// The name of a key in the envelope is only a hint: anybody can write any name there.
function signersOf({ payloadType, payload, signatures }: Envelope, keys: readonly Verifier[]): string[] {
  const signed = preAuthEncoding(payloadType, payload);
  return keys
    .filter((key) => signatures.some(({ signature }) => key.verify(signed, signature)))
    .map(({ keyId }) => keyId);
}

function namesOf({ signatures }: Envelope): string {
  return signatures.map(({ keyId }) => JSON.stringify(keyId ?? 'no key')).join(', ');
}
