// The alerts that a real Falco wrote, by the scenario in which it did.
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../fixtures/falco/', import.meta.url);

/** One line of Falco. */
export interface FalcoAlert {
  rule: string;
  priority: string;
  output: string;
  tags: string[];
  output_fields: Record<string, unknown>;
}

/** A recording. */
export interface RecordedAlert {
  /** The file without its extension. */
  name: string;
  /** How docs/falco.md names it: what is before the first dash or underscore of the name. */
  scenario: string;
  rule: string;
  alert: FalcoAlert;
  text: string;
}

export const recordedAlerts: readonly RecordedAlert[] = readdirSync(FOLDER).map((file) => {
  const content = readFileSync(new URL(file, FOLDER), 'utf8');
  // The one that was recorded on the wire.
  const text = file.startsWith('http-') ? (JSON.parse(content) as { body: string }).body : content;
  const alert = JSON.parse(text) as FalcoAlert;
  const name = file.replace(/\.json$/, '');
  return { name, scenario: name.split(/[-_]/)[0] ?? '', rule: alert.rule, alert, text };
});
