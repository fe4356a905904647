import { spawn } from 'node:child_process'
import { once } from 'node:events'

const SRC = new URL('..', import.meta.url).href

/** Begins every script: what it imports stands beside this folder, and `die` leaves no time for anything else. */
const PRELUDE = `
  const [url, redisUrl, stream] = process.argv.slice(1)
  const load = (file) => import('${SRC}' + file)
  const die = () => { process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}) }
`

/** Runs a script in a process of its own until it kills itself; it gets `url`, `redisUrl` and `stream`. */
export async function untilKilled(
  script: string,
  { url, redisUrl, stream }: { url: string; redisUrl: string; stream: string },
): Promise<void> {
  const args = ['--import', 'tsx', '--input-type=module', '-e', PRELUDE + script, url, redisUrl, stream]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself, with ${code ?? signal}`)
}
