import type { Effort, Round, Servers, StartContender } from './contender.ts'

/* The process of a contender: does one round for each message, and ends with its parent. */

const [module, servers] = process.argv.slice(2)
const { default: start } = (await import(module!)) as { default: StartContender }
const contender = await start(JSON.parse(servers!) as Servers)
const residentAtStart = process.memoryUsage.rss()

process.on('message', async (round: Round) => {
  await contender.prepare?.(round)
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  await contender.run(round)
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  await contender.finish?.(round)
  const growthMb = (process.resourceUsage().maxRSS * 1_024 - residentAtStart) / 1e6
  process.send!({ seconds, cpuSeconds: (user + system) / 1e6, growthMb } satisfies Effort)
})
process.on('disconnect', () => process.exit())
process.send!('ready')
