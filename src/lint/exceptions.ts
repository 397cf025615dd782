// Exceptions: how long they last, and how exactly they name an image.
import type { Exception } from '../api/policy.ts';
import type { PolicyRule, Remark } from './finding.ts';
import { isBare, isPinned } from './image-pattern.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const SOON_DAYS = 14;
const LONG_DAYS = 366;

/** Rule: exceptions end, in sight and not yet. */
export const exceptionEnds: PolicyRule = ({ spec: { exceptions = [] } }, now) =>
  exceptions.flatMap((exception, index) => endRemarks(exception, `spec.exceptions[${index}].expires`, now));

/** Rule: exceptions name one image, and patterns for images one that can be there. */
export const exceptionImages: PolicyRule = ({ spec: { match, exceptions = [] } }) => [
  ...exceptions.flatMap(({ image }, index) => imageRemarks(image, `spec.exceptions[${index}].image`)),
  ...(match.images ?? []).flatMap((image, index) => bareRemarks(image, `spec.match.images[${index}]`)),
];

function endRemarks({ name, expires }: Exception, path: string, now: number): Remark[] {
  const days = (Date.parse(expires) - now) / DAY_MS;
  if (days <= 0) {
    const message = `exception "${name}" ended at ${expires}: the policy answers this drift in full`;
    return [{ code: 'ExpiredException', path, message }];
  }
  if (days <= SOON_DAYS) {
    const message = `exception "${name}" ends at ${expires}, in ${days < 1 ? 'less than a day' : `${Math.floor(days)} d`}`;
    return [{ code: 'ExpiresSoon', path, message }];
  }
  if (days <= LONG_DAYS) return [];
  return [
    {
      code: 'LongException',
      path,
      message: `exception "${name}" lasts until ${expires}, in ${Math.floor(days)} d`,
    },
  ];
}

function imageRemarks(image: string, path: string): Remark[] {
  if (isPinned(image)) return [];
  const shown = JSON.stringify(image);
  if (image.includes('*')) {
    return [
      {
        code: 'WideException',
        path,
        message: `${shown} excuses every image that fits, also one that is pushed tomorrow`,
      },
    ];
  }
  const tagged: Remark = {
    code: 'ExceptionByTag',
    path,
    message: `${shown} names no digest: a tag can be moved to another image`,
  };
  return [tagged, ...bareRemarks(image, path)];
}

function bareRemarks(image: string, path: string): Remark[] {
  if (!isBare(image)) return [];
  const message = `${JSON.stringify(image)} matches only where a pod writes no tag: ${image}:1.2 is not matched`;
  return [{ code: 'ImageWithoutTag', path, message }];
}
