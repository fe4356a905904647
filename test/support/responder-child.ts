// A responder in a process of its own, to be killed or frozen. It reports { start } and { end } of requests, { ready }.
import { writeSync } from 'node:fs'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { RpcClient } from '../../src/rpc/rpc-client.ts'
import { DEAD_AFTER_MS, echo, type ResponderChildOptions } from './rpc-lab.ts'

const { url, stream, mode } = JSON.parse(process.argv[2]!) as ResponderChildOptions

/** At once, since the process may be killed right after. */
const report = (line: object) => void writeSync(1, `${JSON.stringify(line)}\n`)

const log = await RedisStreamLog.open({ url })
const calls = new RpcClient(log, log.rpc)
const options = { terminals: 5, deadAfterMs: DEAD_AFTER_MS }
if (mode === 'requester') {
  report({ ready: true })
  const asked = calls.request(echo(stream), { text: 'from a requester' }, { timeout: 60_000 })
  report({ start: 'from a requester' })
  await asked
} else if (mode === 'parts') {
  await calls.reply(echo(stream, 'parts'), options, async function* ({ text }) {
    for (let part = 0; part < 3; part++) yield { text: `${text} ${part}` }
    report({ start: text })
    await new Promise(() => {})
  })
} else {
  await calls.reply(echo(stream), options, async ({ text }) => {
    report({ start: text })
    // So that whoever is frozen meanwhile ends it after that.
    if (mode === 'hang') await new Promise(() => {})
    for (const end = performance.now() + 300; performance.now() < end;)
      await new Promise((go) => setTimeout(go, 10))
    report({ end: text })
    return { text: `${text} by the child` }
  })
}
report({ ready: true })
