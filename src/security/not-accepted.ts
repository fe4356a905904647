import { MillraceError } from '../core/errors.ts'

/** One answer to whatever is wrong with a credential: which it is would help whoever guesses. */
export const notAccepted = (cause?: unknown): MillraceError =>
  new MillraceError(
    'UNAUTHENTICATED',
    'the key or token is not accepted; it may be unknown, broken, expired or made out for another service',
    cause === undefined ? undefined : { cause },
  )
