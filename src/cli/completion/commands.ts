import { Argument, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples } from '../flags.ts'

export function addCompletionCommands(program: Command, { io }: CommandContext): void {
  program
    .command('completion')
    .description('print what makes a shell complete the words of millrace')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      examples(
        'source <(millrace completion bash)                                   # in ~/.bashrc',
        'source <(millrace completion zsh)                                    # in ~/.zshrc, after compinit',
        'millrace completion fish > ~/.config/fish/completions/millrace.fish',
      ),
    )
    .action(async (shell) => (await import('./scripts.ts')).completionCommand(io, shell))
  program
    .command('complete', { hidden: true })
    .description('print the names that may come next, for a shell')
    .argument('[words...]', 'the words so far')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words) => (await import('./complete.ts')).completeCommand(io, program, words))
}
