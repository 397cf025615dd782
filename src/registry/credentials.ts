// Credentials for registries, from a file as `kubectl create secret docker-registry` makes it (.dockerconfigjson).
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const FileSchema = z.object({
  auths: z.record(
    z.string(),
    z.object({
      auth: z.string().optional(),
      username: z.string().optional(),
      password: z.string().optional(),
    }),
  ),
});

/** Names that Docker writes for its Hub. */
const HUB_NAMES: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io']);

/** The header `Authorization: Basic` for a registry; undefined: there are no credentials for it. */
export type Credentials = (host: string) => Promise<string | undefined>;

/** Nobody has any. */
export const ANONYMOUS: Credentials = () => Promise.resolve(undefined);

/** Reads the file each time: Secrets are mounted, and change. @throws Error that says what is wrong, without its content */
export function credentialsOf(path: string): Credentials {
  return async (host) => {
    const { auths } = parsed(await readFile(path, 'utf8'), path);
    const [, found] = Object.entries(auths).find(([name]) => hostOf(name) === host) ?? [];
    if (!found) return undefined;
    const { auth, username, password } = found;
    if (auth !== undefined) return `Basic ${auth}`;
    if (username === undefined || password === undefined) return undefined;
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  };
}

function parsed(text: string, path: string): z.infer<typeof FileSchema> {
  try {
    return FileSchema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${path} is no .dockerconfigjson: it must be JSON with auths`);
  }
}

// Some are written as addresses, as https://index.docker.io/v1/.
function hostOf(name: string): string {
  const [host = ''] = name.replace(/^https?:\/\//, '').split('/', 1);
  return HUB_NAMES.has(host) ? 'docker.io' : host;
}
