import { Command, CommanderError } from 'commander'
import { addBackupCommands } from './backup/commands.ts'
import { addCheckCommand } from './check/commands.ts'
import { addCompletionCommands } from './completion/commands.ts'
import { addConfigCommands } from './config/commands.ts'
import { addConsumerCommands } from './consumer/commands.ts'
import type { CommandContext } from './context.ts'
import { addDeadLetterCommands } from './dead-letter/commands.ts'
import { addDoctorCommand } from './doctor/commands.ts'
import { EXIT, exitCodeOf, renderError, type ExitCode } from './exit.ts'
import { addExplainCommand } from './explain/commands.ts'
import { addGenerateCommand } from './generate/commands.ts'
import { addGroupCommands } from './group/commands.ts'
import { say, type Io } from './io.ts'
import { addJobCommands } from './job/commands.ts'
import { addKeyCommands } from './key/commands.ts'
import { addLoadCommands } from './load/commands.ts'
import { VERSION } from './package-info.ts'
import { addPendingCommands } from './pending/commands.ts'
import { addPublishCommand } from './publish/commands.ts'
import { addReplayCommand } from './replay/commands.ts'
import { addServeCommand } from './serve/commands.ts'
import { addStreamCommands, addTailCommand } from './stream/commands.ts'
import { addTopCommand } from './top/commands.ts'

/** In the order of the help. Each only declares its words: what it does is loaded when it is asked for. */
const COMMANDS: readonly ((program: Command, context: CommandContext) => void)[] = [
  addServeCommand,
  addPublishCommand,
  addTailCommand,
  addExplainCommand,
  addTopCommand,
  addCheckCommand,
  addStreamCommands,
  addGroupCommands,
  addConsumerCommands,
  addPendingCommands,
  addDeadLetterCommands,
  addReplayCommand,
  addBackupCommands,
  addJobCommands,
  addKeyCommands,
  addLoadCommands,
  addGenerateCommand,
  addConfigCommands,
  addDoctorCommand,
  addCompletionCommands,
]

/** Runs one command line and answers its exit code; commands are loaded when they are asked for. */
export async function run(io: Io, args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  const program = createProgram(io, (code) => (exitCode = code))
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has said what is wrong with the words; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    say(io, renderError(error))
    return exitCodeOf(error)
  }
}

export function createProgram(io: Io, setExitCode: (code: ExitCode) => void): Command {
  const program = new Command('millrace')
    .description('Turns the Redis that you already run into an event platform.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for all options and examples)')
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
  for (const add of COMMANDS) add(program, { io, setExitCode })
  return program
}
