// Settings of the registries that are asked which digests name one image.
import { z } from 'zod';

const HOST = /^(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?|\[::1\])(?::[0-9]{1,5})?$/;

/** See the file's first line. */
export const REGISTRY_SETTINGS = {
  registry: z
    .array(z.string().max(255).regex(HOST, 'must be a host as images name it, such as registry.example:5000'))
    .max(32)
    .default([])
    .describe(
      'Registries that may be asked whether an index, a manifest and a configuration are one image, as images name them ' +
        '(docker.io, registry.example:5000), and hosts where these give their tokens; empty means that nobody is asked.',
    ),
  registryCredentialsFile: z
    .string()
    .optional()
    .describe(
      'File with credentials for these registries (.dockerconfigjson); read each time. Absent: anonymous.',
    ),
};
