import { MillraceError } from '../core/errors.ts'

/** @throws MillraceError `CONFIGURATION_INVALID` when two jobs have one name, since their ticks would be one */
export function refuseTwice(jobs: readonly { name: string }[]): void {
  const names = jobs.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new MillraceError('CONFIGURATION_INVALID', `two jobs have the name ${JSON.stringify(twice)}`)
}
