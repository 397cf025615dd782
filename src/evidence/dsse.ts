// DSSE envelopes: the form of https://github.com/secure-systems-lab/dsse in which manifests are signed.
import { z } from 'zod';

const EnvelopeSchema = z.object({
  payloadType: z.string().max(256),
  /** Base64. */
  payload: z.base64(),
  signatures: z
    .array(z.object({ keyid: z.string().max(256).optional(), sig: z.base64().max(4096) }))
    .min(1)
    .max(16),
});

/** What an envelope says, before anybody checked it. */
export interface Envelope {
  payloadType: string;
  payload: Uint8Array;
  signatures: { keyId?: string; signature: Uint8Array }[];
}

/** The bytes that are signed: PAE of DSSE v1, lengths in bytes. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The envelope as it is stored. */
export function encodeEnvelope({ payloadType, payload, signatures }: Envelope): Uint8Array {
  const document = {
    payloadType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: signatures.map(({ keyId, signature }) => ({
      ...(keyId !== undefined && { keyid: keyId }),
      sig: Buffer.from(signature).toString('base64'),
    })),
  };
  return Buffer.from(`${JSON.stringify(document)}\n`);
}

/** Reads an envelope. Throws an Error that says what is wrong with it. */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  const parsed = EnvelopeSchema.safeParse(
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)),
  );
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error).slice(0, 512));
  const { payloadType, payload, signatures } = parsed.data;
  return {
    payloadType,
    payload: Buffer.from(payload, 'base64'),
    signatures: signatures.map(({ keyid, sig }) => ({
      ...(keyid !== undefined && { keyId: keyid }),
      signature: Buffer.from(sig, 'base64'),
    })),
  };
}

/** Keys that an envelope names, 64 hex digits each, at most 4; nobody checked that they signed it. */
export function keyIdsOf(bytes: Uint8Array): string[] {
  const named = parseEnvelope(bytes).signatures.flatMap(({ keyId }) => keyId ?? []);
  return [...new Set(named.filter((keyId) => /^[0-9a-f]{64}$/.test(keyId)))].slice(0, 4);
}
