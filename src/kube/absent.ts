// A read of something that may not be there.
import { isNotFound } from './errors.ts';

/** Undefined where there is no such object. @throws KubeError, for any other reason. */
export async function orAbsent<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
