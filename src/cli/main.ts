#!/usr/bin/env node
import { constants } from 'node:os'
import { run } from './program.ts'

const stop = new AbortController()
// `serve` listens for itself: its first signal begins a graceful stop, the second ends at once.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort(constants.signals[name]))
// Whoever reads our output may leave before its end, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  stop.abort()
})

process.exitCode = await run(
  {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signal: stop.signal,
  },
  process.argv.slice(2),
)
