import { InvalidError } from '../core/errors.ts'

/** @throws InvalidError `CONFIGURATION_INVALID` for what is no whole number from 1 on */
export function requireCount(path: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return
  const message = `must be a whole number from 1 on, not ${value}`
  throw new InvalidError('CONFIGURATION_INVALID', 'the worker can not run like this', [{ path, message }])
}
