import { replyCode } from '../errors.ts'

/** Whether a call failed because the user has no right to the key, where it has the right to the command. */
export const isOutOfReach = (error: unknown): boolean =>
  replyCode(error) === 'NOPERM' && /access (one of the keys|a key)/i.test((error as Error).message)
