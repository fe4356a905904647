import type { Round, Servers, StartContender } from './contender.ts'

/* The process of a contender: does one round for each message, and ends with its parent. */

const [module, servers] = process.argv.slice(2)
const { default: start } = (await import(module!)) as { default: StartContender }
const contender = await start(JSON.parse(servers!) as Servers)

process.on('message', async (round: Round) => {
  await contender.prepare?.(round)
  const began = performance.now()
  await contender.run(round)
  const seconds = (performance.now() - began) / 1_000
  await contender.finish?.(round)
  process.send!(seconds)
})
process.on('disconnect', () => process.exit())
process.send!('ready')
