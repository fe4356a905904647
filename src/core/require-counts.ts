import { InvalidError } from './errors.ts'

/**
 * Refuses options that are no whole numbers from 1 on.
 *
 * @param problem what the message begins with, such as `the relay can not run like this`
 * @throws InvalidError `CONFIGURATION_INVALID` with each of these names at fault
 */
export function requireCounts<Name extends string>(
  problem: string,
  values: Readonly<Record<Name, number>>,
  names: readonly Name[],
): void {
  const issues = names
    .filter((name) => !Number.isInteger(values[name]) || values[name] < 1)
    .map((path) => ({ path, message: `must be a whole number from 1 on, not ${values[path]}` }))
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', problem, issues)
}
