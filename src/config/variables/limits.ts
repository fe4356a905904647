import { bytes, milliseconds, wholeNumber } from '../values.ts'
import { define, type Variable } from '../variable.ts'

/** How much is let in. */
export const LIMITS = {
  REQUEST_TIMEOUT_MS: define({
    about: 'How long an HTTP request may take before it is answered with 504',
    schema: milliseconds(),
    default: '30000',
  }),
  MAX_BODY_BYTES: define({
    about: 'The largest body of an HTTP request',
    schema: bytes,
    default: '1048576',
  }),
  MAX_BATCH_BODY_BYTES: define({
    about: 'The largest body of a request that carries a batch of events',
    schema: bytes,
    default: '8388608',
  }),
  MAX_BATCH_EVENTS: define({
    about: 'How many events one request may carry',
    schema: wholeNumber(1, 1_000_000),
    default: '10000',
  }),
  RATE_LIMIT_MAX: define({
    about: 'How many requests a client may make in RATE_LIMIT_WINDOW_MS; 0 for any number',
    schema: wholeNumber(0, 1_000_000_000),
    defaultNote: '0 in development, else 100',
    reloads: true,
  }),
  RATE_LIMIT_WINDOW_MS: define({
    about: 'The time that RATE_LIMIT_MAX counts for',
    schema: wholeNumber(1000, 86_400_000, 'milliseconds'),
    default: '10000',
    reloads: true,
  }),
  MAX_UNDECLARED_STREAMS: define({
    about: 'How many streams may be published to that no app declares; each is followed for the audit trail',
    schema: wholeNumber(0, 100_000),
    default: '500',
  }),
  MAX_JSON_DEPTH: define({
    about: 'How deep the JSON of a request may be nested',
    schema: wholeNumber(1, 1000),
    default: '64',
  }),
  MAX_EVENT_LOOP_DELAY_MS: define({
    about: 'From which delay of the event loop on requests are refused with 503; 0 for never',
    schema: milliseconds(0),
    default: '1000',
  }),
  MAX_MEMORY_BYTES: define({
    about: 'From which size of the process on requests are refused with 503; 0 for never',
    schema: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes'),
    default: '1073741824',
  }),
} satisfies Record<string, Variable>
