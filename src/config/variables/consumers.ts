import { milliseconds, wholeNumber } from '../values.ts'
import { define, type Variable } from '../variable.ts'

/** How groups consume that do not say otherwise. */
export const CONSUMERS = {
  CONCURRENCY: define({
    about: 'How many handlers of a group run at once in this process',
    schema: wholeNumber(1, 10_000),
    default: '10',
    reloads: true,
  }),
  BATCH_SIZE: define({
    about: 'How many events a group that takes batches, or a pipeline, gets at once',
    schema: wholeNumber(1, 10_000),
    default: '100',
    reloads: true,
  }),
  POLL_TIMEOUT_MS: define({
    about: 'How long a read waits for entries before it is made again',
    schema: wholeNumber(1, 60_000, 'milliseconds'),
    default: '5000',
  }),
  RETRY_DELAY_MS: define({
    about: 'The longest pause before a failed read, or a sink that was not there, is tried again',
    schema: milliseconds(),
    default: '5000',
  }),
  PENDING_MESSAGE_CLAIM_INTERVAL_MS: define({
    about: 'The longest pause between looks for entries that a consumer of other software left behind',
    schema: milliseconds(),
    default: '30000',
  }),
  PENDING_MESSAGE_MIN_IDLE_MS: define({
    about: 'How long a consumer of other software may be silent about an entry before it is claimed',
    schema: milliseconds(),
    default: '60000',
  }),
  HANDLER_ATTEMPTS: define({
    about: 'How often a handler is started with an event before that is a dead letter',
    schema: wholeNumber(1, 1_000_000),
    default: '5',
  }),
  HANDLER_RETRY_DELAY_MS: define({
    about: 'The pause before the second attempt; it doubles from attempt to attempt',
    schema: milliseconds(0),
    default: '1000',
  }),
  HANDLER_TIMEOUT_MS: define({
    about: 'How long a handler may run',
    schema: milliseconds(),
    default: '300000',
  }),
} satisfies Record<string, Variable>
