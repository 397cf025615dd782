// Durations and sizes as policies write them.
import { z } from 'zod';
import { toldAs } from './meta.ts';

const DURATION = /^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$/;
const NO_DURATION = 'must be a duration such as 90s, 10m or 1h30m';
/** A duration as Kubernetes writes it: `90s`, `10m`, `24h`, `1h30m`. */
export const DurationSchema = z
  .string()
  .max(16)
  .regex(DURATION, NO_DURATION)
  .min(2, NO_DURATION)
  .meta(toldAs(DURATION, NO_DURATION));

const QUANTITY = /^[1-9][0-9]{0,8}(Ki|Mi|Gi)$/;
const NO_QUANTITY = 'must be a whole number of Ki, Mi or Gi, such as 256Mi';
/** A number of bytes as Kubernetes writes it, of its forms only these: `512Ki`, `256Mi`, `2Gi`. */
export const QuantitySchema = z
  .string()
  .max(16)
  .regex(QUANTITY, NO_QUANTITY)
  .meta(toldAs(QUANTITY, NO_QUANTITY));
