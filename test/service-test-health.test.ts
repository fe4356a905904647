import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { RunningService } from './support/running-service.ts'
import { useRedis } from './support/use-redis.ts'

const { server: redis, admin } = useRedis()
const SCRIPT = join(import.meta.dirname, '../scripts/test-health.mjs')

function testHealth(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    const { PATH } = process.env
    execFile(process.execPath, [SCRIPT, ...args], { env: { PATH, ...env } }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr })
    })
  })
}

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

describe('npm run test:health', () => {
  it('checks all health routes of a running service, and fires a test event', async () => {
    const running = await RunningService.start(
      {},
      { REDIS_URL: redis.url, ROLES: 'connector', STREAM: 'own' },
    )
    open.push(() => running.stop())
    const { code, output } = await testHealth([`${running.service.url}/`])
    expect([code, output.match(/^ok /gm)?.length, output.match(/^FAIL/gm)]).toEqual([0, 6, null])
    expect(output).toMatch(/ok {3}POST \/trigger-test-event 201 \d+ ms \{"success":true/)
    expect(await admin.send(['XLEN', 'own'])).toBe(1)
  })

  it('says what is wrong, with exit code 1', async () => {
    const keys: unknown[] = []
    const server = createServer((incoming, outgoing) => {
      keys.push(incoming.headers.authorization)
      outgoing.statusCode = 503
      outgoing.end('{"status":"not_ready","reason":"it starts"}')
    }).listen(0, '127.0.0.1')
    open.push(() => server.close())
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { code, output } = await testHealth([url], { API_KEY: 'mr_key' })
    expect(code).toBe(1)
    expect(output).toMatch(/FAIL GET \/health\/ready 503 \d+ ms .*it starts/)
    expect(output).toContain('6 of 6 checks failed')
    expect(new Set(keys)).toEqual(new Set(['Bearer mr_key']))
  })

  it('says so where nothing listens', async () => {
    const { code, output } = await testHealth(['http://127.0.0.1:1'])
    expect(code).toBe(1)
    expect(output).toMatch(/FAIL GET \/health\/live - \d+ ms /)
  })

  it.each([[['nonsense']], [['http://']], [['http://a', 'http://b']]])(
    'shows its usage for %j',
    async (args) => {
      const { code, output } = await testHealth(args)
      expect([code, output]).toEqual([2, expect.stringContaining('usage: npm run test:health')])
    },
  )
})
