// @ts-check
import { writeSync } from 'node:fs'

/* Loaded ahead of the command line: tells at its end, on a pipe of its own, what the process took. */

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const usage = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMb: (maxRSS * 1_024) / 1e6 }
  writeSync(3, JSON.stringify(usage))
})
