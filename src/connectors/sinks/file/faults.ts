import { SinkError } from '../../../core/connector-errors.ts'
import { toError } from '../../../core/errors.ts'
import { diskCode } from './disk.ts'

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'the process may not write there: give it the right to',
  EDQUOT: 'the quota is used up: make room',
  EFBIG: 'a file got larger than the process may make it: raise its limit',
  EMFILE: 'the process has too many files open: raise its limit',
  ENOENT: 'it is gone: make it again, or mount it',
  ENOSPC: 'the disk is full: make room',
  ENOTDIR: 'a file lies where a folder should be: move it away',
  EPERM: 'the process may not write there: give it the right to',
  EROFS: 'it can only be read: mount it so that it can be written to',
}

/** Whatever a disk says is nobody's fault among the events. */
export function asSinkError(thrown: unknown, directory: string): Error {
  const code = diskCode(thrown)
  const error = toError(thrown)
  if (error instanceof SinkError || code === undefined || !('syscall' in error)) return error
  const reason = REASONS[code] ?? error.message
  const message = `${directory} can't be written to, ${reason} (${code}); until then everything stays pending`
  return new SinkError('SINK_UNAVAILABLE', message, { cause: error })
}
