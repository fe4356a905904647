import { InvalidError } from './errors.ts'

/** The longest delay that a timer of Node takes, in ms; with a longer one it fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Refuses options that are no whole numbers from 1 on.
 *
 * @param problem what the message begins with, such as `the relay can not run like this`
 * @param most the greatest one that can be
 * @throws InvalidError `CONFIGURATION_INVALID` with each of these names at fault
 */
export function requireCounts<Name extends string>(
  problem: string,
  values: Readonly<Record<Name, number>>,
  names: readonly Name[],
  most = Number.MAX_SAFE_INTEGER,
): void {
  const range = most === Number.MAX_SAFE_INTEGER ? 'from 1 on' : `from 1 to ${most}`
  const issues = names
    .filter((name) => !Number.isInteger(values[name]) || values[name] < 1 || values[name] > most)
    .map((path) => ({ path, message: `must be a whole number ${range}, not ${values[path]}` }))
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', problem, issues)
}
