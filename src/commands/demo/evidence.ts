// Shows where the evidence lies, what each file is, and that it is whole.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DriftIncident } from '../../api/incident.ts';
import { MANIFEST_FILE, parseManifest } from '../../evidence/manifest.ts';
import { verifyManifest } from '../../evidence/verify.ts';
import type { View } from './view.ts';

/** Lists the files of the incident's bundle and checks them against their manifest. */
export async function showEvidence(view: View, incident: DriftIncident): Promise<void> {
  const evidence = incident.status?.evidence;
  view.title('Evidence');
  if (!evidence) return view.line('  none was kept');
  view.line(`  ${evidence.location}`);
  const manifest = parseManifest(readFileSync(join(evidence.location, MANIFEST_FILE)));
  view.table(
    ['FILE', 'BYTES', 'SHA-256', 'READ FROM'],
    [...manifest.files]
      .toSorted((a, b) => a.path.localeCompare(b.path))
      .map(({ path, size, sha256, source }) => [path, String(size), `${sha256.slice(0, 12)}...`, source]),
  );
  const differences = await verifyManifest(evidence.location, evidence.manifestSha256);
  const whole = differences.length === 0;
  view.line(
    whole
      ? view.tone('good', '  every file hashed again: whole and unchanged, as the incident records it')
      : view.tone('bad', `  ${differences.length} files differ from the manifest`),
  );
}
