// Policies that ask for one thing each, to see which rights that takes.

/** The pod stays in quarantine. */
export const ISOLATE_ONLY = {
  responses: [{ name: 'cut', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }],
};
/** No person is asked. */
export const UNASKED = { approval: { requiredFor: [] } };
/** The pod goes, and what comes in its place is believed at once. */
export const EVICT_ONLY = {
  responses: [{ name: 'go', minSeverity: 'Warning', actions: ['Label', 'Evict'] }],
  ...UNASKED,
  eviction: { replacement: { quietFor: '0s' } },
};
/** Nothing but evidence. */
export const CAPTURE_ONLY = { responses: [{ name: 'keep', minSeverity: 'Warning', actions: ['Capture'] }] };
