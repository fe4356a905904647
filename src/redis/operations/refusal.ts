import { MillraceError } from '../../core/errors.ts'
import { notAStream, replyCode } from '../errors.ts'

/** What scripts of operations answer where there is nothing to do it to. */
export type Refusal = 'unknown-stream' | 'unknown-group'

/** The answer of a script, where it did not refuse. */
export function accept<T>({ stream, group }: { stream: string; group: string }, answer: T | Refusal): T {
  if (answer === 'unknown-stream') throw new MillraceError('UNKNOWN_STREAM', `there is no stream "${stream}"`)
  if (answer === 'unknown-group')
    throw new MillraceError(
      'UNKNOWN_GROUP',
      `the stream "${stream}" has no group "${group}"; look up its name, or start a consumer of it`,
    )
  return answer as T
}

/** For a call that fails where the stream, or a key beside it, holds something else. */
export const refuse =
  (stream: string) =>
  (error: unknown): never => {
    throw replyCode(error) === 'WRONGTYPE' ? notAStream(stream, error) : error
  }

/** The first of many, for a message. */
export const firstOf = (names: readonly string[]): string =>
  names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '')
