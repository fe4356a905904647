import { afterEach } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { CapturedIo } from './captured-io.ts'

/** What a command printed, and how it ended. */
class Ran {
  readonly code: number
  readonly out: string
  readonly err: string

  constructor(code: number, io: CapturedIo) {
    this.code = code
    this.out = io.stdout.text
    this.err = io.stderr.text
  }

  /** What it printed as one JSON document. */
  get json(): unknown {
    return JSON.parse(this.out)
  }
}

export interface CommandOptions {
  /** As if it ran on a terminal of that size, or so wide. */
  terminal?: { columns: number; rows?: number }
  /** What is typed. */
  input?: string
  env?: NodeJS.ProcessEnv
}

/** Runs the command line on a server, in a folder of its own for each command. */
export function useCommand(server: { url: string }) {
  const used: CapturedIo[] = []
  afterEach(() => {
    for (const io of used.splice(0)) io.remove()
  })
  return async (args: readonly string[], options: CommandOptions = {}): Promise<Ran> => {
    const io = new CapturedIo({ REDIS_URL: server.url, ...options.env }, options.input)
    used.push(io)
    if (options.terminal) {
      for (const screen of [io.stdout, io.stderr]) Object.assign(screen, { isTTY: true, ...options.terminal })
      Object.assign(io.stdin, { isTTY: true })
    }
    return new Ran(await run(io, args), io)
  }
}
