export type EnginesErrorCode = 'NO_ENGINE' | 'START_FAILED' | 'LOCKED'

/** An engine can't be had. The message names what was tried and what to do; it is meant to be shown as it is. */
export class EnginesError extends Error {
  override readonly name = 'EnginesError'
  readonly code: EnginesErrorCode

  constructor(code: EnginesErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
