#!/usr/bin/env node
import { constants } from 'node:os'
import { EXIT } from './exit.ts'
import { NO_READER } from './io.ts'
import { run } from './program.ts'

/** One Ctrl-C can reach us twice, from the terminal and from whoever started us; a person takes longer, in ms. */
const SAME_SIGNAL_MS = 300

const stop = new AbortController()
let stoppedAt = 0
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (!stop.signal.aborted) {
      stoppedAt = performance.now()
      stop.abort(name)
    } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) {
      // The second time somebody means it.
      process.exit(128 + constants.signals[name])
    }
  })
}
// Whoever reads our output may leave before its end, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  stop.abort(NO_READER)
})

process.exitCode = await run(
  {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signal: stop.signal,
    onHangUp: (listener) => process.on('SIGHUP', listener),
    onCrash: (listener) =>
      process.on('uncaughtException', (fault) => {
        listener(fault)
        process.exit(EXIT.failed)
      }),
  },
  process.argv.slice(2),
)
