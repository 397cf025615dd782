import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DetectionSummarySchema } from '../../../src/api/detection.ts';
import { parseFalco } from '../../../src/detect/falco.ts';
import { RECEIVED_AT, alert } from './support.ts';

const FIELDS = [
  'container.id',
  'container.full_id',
  'container.name',
  'k8s.ns.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.pod.id',
  'proc.exepath',
  'proc.cmdline',
];
const parse = (body: unknown) => parseFalco(body, RECEIVED_AT);

describe('whatever JSON comes', () => {
  const fieldValue = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(null, '<NA>', 'host', ''),
  );
  const fieldName = fc.constantFrom(...FIELDS);
  const oddAlert = fc
    .record({
      fields: fc.dictionary(fieldName, fieldValue),
      rest: fc.record(
        {
          rule: fc.string({ unit: 'binary' }),
          hostname: fc.oneof(fc.string({ unit: 'binary' }), fc.constant(null)),
          tags: fc.array(fc.string({ unit: 'binary' })),
          source: fc.string(),
        },
        { requiredKeys: [] },
      ),
    })
    .map(({ fields, rest }) => alert(fields, rest));

  it('ends in one of the four results and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), oddAlert), (body) => {
        expect(['Detection', 'Ignored', 'NotAPod', 'Invalid']).toContain(parse(body).kind);
      }),
      { numRuns: 500 },
    );
  });

  it('gives only detections that fit into an incident', () => {
    fc.assert(
      fc.property(oddAlert, (body) => {
        const result = parse(body);
        if (result.kind !== 'Detection') return;
        expect(DetectionSummarySchema.strict().safeParse(result.detection.summary)).toMatchObject({
          success: true,
        });
        expect(JSON.stringify(result.detection)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 500 },
    );
  });
});
