import { existsSync } from 'node:fs'

import { expect, test } from 'vitest'

import { useSentinel } from '../../test/support/use-sentinel.ts'
import { askRedis } from './ask-redis.ts'
import { identityOf } from './processes.ts'
import { startTestSentinel } from './test-servers.ts'

const lab = useSentinel({ eager: true })

const get = (port: number, key: string) => askRedis(port, ['GET', key])

/** Writes to the master; every server has it when this resolves. */
async function setEverywhere(key: string, value: string): Promise<void> {
  await askRedis((await lab.master()).port, ['SET', key, value])
  for (const { port } of lab.servers) await expect.poll(() => get(port, key)).toBe(value)
}

test('a failover by command brings another master with the same data, again and again', async () => {
  for (const value of ['1', '2']) {
    const former = await lab.master()
    await setEverywhere('turn', value)
    await lab.failover()
    const master = await lab.master()
    expect(master).not.toBe(former)
    expect(await get(master.port, 'turn')).toBe(value)
    await lab.settled()
  }
})

test('a master that is killed is followed by another, and is its replica when it comes back', async () => {
  const former = await lab.master()
  await former.kill('SIGKILL')
  await expect.poll(() => lab.master(), { timeout: 30_000 }).not.toBe(former)
  const { port } = former
  await former.restart()
  expect(former.port).toBe(port)
  await lab.settled()
  await setEverywhere('after', 'kill')
})

test('a master that is frozen too, and it takes writes for itself when it thaws', async () => {
  const former = await lab.master()
  await former.kill('SIGSTOP')
  await expect.poll(() => lab.master(), { timeout: 30_000 }).not.toBe(former)
  await former.kill('SIGCONT')
  expect(await askRedis(former.port, ['SET', 'lost', 'x'])).toBe('OK')
  await lab.settled()
  expect(await get(former.port, 'lost')).toBe(null)
})

test('a Sentinel comes back with what it knew', async () => {
  const [sentinel] = lab.sentinels
  await sentinel!.kill('SIGKILL')
  const known = await lab.master()
  await sentinel!.restart()
  await lab.settled()
  expect(await lab.master()).toBe(known)
  expect(lab.nodes).toContain(`127.0.0.1:${sentinel!.port}`)
})

test('nothing is left behind, whatever state they are in', async () => {
  const other = await startTestSentinel({ replicas: 1, sentinels: 3, downAfterMs: 60_000 })
  const all = [...other.servers, ...other.sentinels]
  await other.servers[0]!.kill('SIGSTOP')
  await other.sentinels[0]!.kill('SIGKILL')
  await other.stop()
  expect(all.map(({ pid, dir }) => [identityOf(pid), existsSync(dir)])).toEqual(
    all.map(() => [undefined, false]),
  )
})
