import { createInterface } from 'node:readline/promises'
import { requireConfirmation } from '../core/confirmation.ts'
import type { InvalidError } from '../core/errors.ts'
import { quote } from '../redis/explain/commands.ts'
import { CommandError, EXIT } from './exit.ts'
import type { DestructiveFlags } from './flags.ts'
import { say, type Io } from './io.ts'

/** What is about to be changed for good. */
export interface Stake {
  /** Such as `the group "mailer"`. */
  what: string
  /** What has to be said once more. */
  name: string
  /** What will happen, a line each, for whoever is asked. */
  consequences: readonly string[]
}

/**
 * Resolves when `--yes` says the name, or somebody at a terminal types it; a dry run needs neither.
 *
 * @throws CommandError for another name, or where nobody can be asked; nothing was changed then
 */
export async function confirm(io: Io, flags: DestructiveFlags, stake: Stake): Promise<void> {
  if (flags.dryRun) return
  if (flags.yes !== undefined) return require(stake, '--yes', flags.yes)
  if (!io.stdin.isTTY || !io.stderr.isTTY) {
    const advice = `add --yes ${quote(stake.name)} to do it, or --dry-run to see what would be done`
    throw new CommandError(`nothing was changed: ${stake.what} is meant? ${advice}`, EXIT.usage)
  }
  for (const line of stake.consequences) say(io, line)
  require(stake, 'what you typed', await ask(io, `Type ${JSON.stringify(stake.name)} to go on: `))
}

function require({ what, name }: Stake, where: string, said: string): void {
  try {
    requireConfirmation(what, name, said)
  } catch (error) {
    const [issue] = (error as InvalidError).issues
    throw new CommandError(`nothing was changed: ${where} ${issue!.message}`, EXIT.usage)
  }
}

/** The terminal stays as it is, so that Ctrl-C is a signal and not a key. */
async function ask(io: Io, question: string): Promise<string> {
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: false })
  // The end of the input is no answer, and nothing else would end the question.
  const gone = new AbortController()
  lines.once('close', () => gone.abort())
  try {
    return await lines.question(question, { signal: AbortSignal.any([io.signal, gone.signal]) })
  } catch {
    throw new CommandError('nothing was changed: there was no answer', EXIT.usage)
  } finally {
    lines.close()
  }
}
