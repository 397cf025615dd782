// Identity files of age: the private keys with which evidence is read.

/**
 * The private keys in the text of an identity file, as age-keygen writes it.
 * @throws Error that names the file and repeats nothing of it.
 */
export function parseIdentities(text: string, name: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0 || !keys.every((line) => /^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/.test(line)))
    throw new Error(
      `${name} is not an identity file of age: a line AGE-SECRET-KEY-1... for each key, as age-keygen writes it. One with a passphrase must be decrypted first`,
    );
  return keys;
}
