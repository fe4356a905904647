import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandsIn } from '../../../test/support/document-commands.ts'
import { useCommand } from '../../../test/support/use-command.ts'
import { useRedisServer } from '../../../test/support/use-redis.ts'
import { useOnce } from '../../../test/support/use.ts'
import type { LoadReport } from '../../load/report.ts'
import { EXIT } from '../exit.ts'

const text = readFileSync(join(import.meta.dirname, '../../../docs/load-testing.md'), 'utf8')
const commands = commandsIn(text)
const redis = useRedisServer()
const command = useCommand(redis)
const service = useOnce(
  async () => {
    const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    return server
  },
  async (server) => void server.close(),
)

/** The same, on the servers of this test and for a moment. */
function shortened(words: readonly string[]): string[] {
  const { port } = service.address() as AddressInfo
  const times: Record<string, string> = { '--duration': '300ms', '--warm-up': '100ms', '--count': '100' }
  const there = words.map((word) => word.replace('localhost:8000', `127.0.0.1:${port}`))
  return there.map((word, at) => times[words[at - 1] ?? ''] ?? word)
}

describe('docs/load-testing.md', () => {
  it('has commands of each kind', () => {
    expect(new Set(commands.map(([program, verb, kind]) => [program, verb, kind].join(' ')))).toEqual(
      new Set(['millrace load http', 'millrace load stream', 'millrace load rpc']),
    )
  })

  it.each(commands)('%s %s %s runs as it stands there (%s)', async (_, ...words) => {
    // Nobody answers the requests of request/reply here.
    const { code, json } = await command([...shortened(words), '--timeout', '1s', '--json'])
    expect([EXIT.ok, EXIT.failed]).toContain(code)
    const { requests } = json as LoadReport
    expect(requests.begun).toBeGreaterThan(0)
    expect(requests.ok > 0 || words[1] === 'rpc').toBe(true)
  })

  it('shows a report as it is', async () => {
    const [, shown = ''] = /```json\n(.*?)```/s.exec(text) ?? []
    const { port } = service.address() as AddressInfo
    const args = [
      '--rate',
      '100/s',
      '--duration',
      '200ms',
      '--expect',
      '201',
      '--max-errors',
      '100%',
      '--json',
    ]
    const { json } = await command(['load', 'http', `http://127.0.0.1:${port}/`, ...args])
    const [documented, real] = [JSON.parse(shown) as LoadReport, json as LoadReport]
    expect(Object.keys(documented)).toEqual(Object.keys(real))
    expect(Object.keys(documented.requests)).toEqual(Object.keys(real.requests))
    expect(Object.keys(documented.errors[0]!)).toEqual(Object.keys(real.errors[0]!))
  })
})
