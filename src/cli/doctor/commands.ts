import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples, jsonOption, onRedis } from '../flags.ts'

export function addDoctorCommand(program: Command, { io, setExitCode }: CommandContext): void {
  const doctor = program
    .command('doctor')
    .description('check this machine and what the configuration names, and say what to do')
    .addOption(jsonOption('an array of checks'))
  onRedis(doctor)
    .addHelpText('after', examples('millrace doctor', 'millrace doctor --redis redis://cache:6379 --json'))
    .action(async (flags) => setExitCode(await (await import('./doctor.ts')).doctorCommand(io, flags)))
}
