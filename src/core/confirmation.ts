import { InvalidError } from './errors.ts'

/**
 * Refuses to destroy something unless its name was said once more: a slip in a path, or a line from the history of a
 * shell, must not be enough.
 *
 * @param what such as `the group "mailer"`
 * @throws InvalidError `CONFIRMATION_REQUIRED`
 */
export function requireConfirmation(what: string, name: string, confirm: string | undefined): void {
  if (confirm === name) return
  const wanted = `must be ${JSON.stringify(name)}, to confirm that ${what} is meant`
  const found = confirm === undefined ? '' : `, not ${JSON.stringify(confirm)}`
  throw new InvalidError('CONFIRMATION_REQUIRED', 'nothing was changed', [
    { path: 'confirm', message: wanted + found },
  ])
}
