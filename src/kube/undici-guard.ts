// Asks once more when a connection is there and a request is about to be written to it: until then it may have waited
// for a long time, and so may this process.
import type { Dispatcher } from 'undici';

/** The dispatcher for requests that `look` may keep back: what it throws, they reject with, and nothing is sent. */
export function guarded(dispatcher: Dispatcher, look: () => void): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => dispatch(options, looking(handler, look)));
}

function looking(handler: Dispatcher.DispatchHandler, look: () => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (controller, context) => {
      look();
      handler.onRequestStart?.(controller, context);
    },
    onRequestUpgrade: (...given) => handler.onRequestUpgrade?.(...given),
    onResponseStart: (...given) => handler.onResponseStart?.(...given),
    onResponseData: (...given) => handler.onResponseData?.(...given),
    onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
    onResponseError: (...given) => handler.onResponseError?.(...given),
  };
}
