// Where a registry may be asked: hosts that the settings list, by https, in plain text on this machine only.
import { RegistryError } from './errors.ts';

/** The name of Docker Hub in images, and the hosts behind it. */
const HUB = 'docker.io';
const HUB_API = 'registry-1.docker.io';
const HUB_TOKENS = 'auth.docker.io';
// Of the grammar of distribution/reference what is safe in a path.
const PATH = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const MAX_PATH = 255;

/** A repository in a registry. */
export interface Place {
  /** As the settings and credentials name it, e.g. `registry.example:5000`. */
  host: string;
  /** Where its API is, e.g. `https://registry.example:5000`. */
  origin: string;
  path: string;
}

/** The registry of a repository, as images name it; empty: the name has none. */
export function hostOf(repository: string): string {
  return repository.slice(0, Math.max(repository.indexOf('/'), 0));
}

/** Where a repository is, as `registry.example/shop/web`. @throws RegistryError if that may not be asked */
export function placeOf(repository: string, allowed: ReadonlySet<string>): Place {
  const host = hostOf(repository);
  const path = repository.slice(host.length + 1);
  if (!allowed.has(host)) throw new RegistryError('NotAllowed', 'its registry is not one of the settings');
  if (path.length > MAX_PATH || !PATH.test(path))
    throw new RegistryError('NotAllowed', 'its repository has no name that registries know');
  return { host, origin: originOf(host === HUB ? HUB_API : host), path };
}

/**
 * An address that a registry named, to be asked as well. A registry that is in other hands by now must not have us ask
 * whomever it likes. @throws RegistryError
 */
export function mayAsk(address: URL, allowed: ReadonlySet<string>): URL {
  const { host, protocol, hostname, username, password } = address;
  const hub = allowed.has(HUB) && [HUB_API, HUB_TOKENS].includes(host);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  if (!isSafe || username !== '' || password !== '' || !(hub || allowed.has(host)))
    throw new RegistryError('NotAllowed', `it names ${host.slice(0, MAX_PATH)}, which may not be asked`);
  return address;
}

function originOf(host: string): string {
  const { hostname } = new URL(`https://${host}`);
  return `${isLoopback(hostname) ? 'http' : 'https'}://${host}`;
}

function isLoopback(hostname: string): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}
