import { existsSync } from 'node:fs'

import { expect, test } from 'vitest'

import { useCluster } from '../../test/support/use-cluster.ts'
import { askRedis } from './ask-redis.ts'
import { identityOf } from './processes.ts'
import { startTestCluster, type TestServer } from './test-servers.ts'

const lab = useCluster()

/** The slot of the tag `a`. */
const SLOT = 15_495

const ask = (server: TestServer, ...command: string[]) => askRedis(server.port, command).catch(String)
const setKeys = async (server: TestServer, keys: string[]): Promise<void> => {
  for (const key of keys) expect(await ask(server, 'SET', key, 'x')).toBe('OK')
}
const anotherThan = (server: TestServer): TestServer => lab.servers.slice(0, 3).find((one) => one !== server)!

test('each slot has a master, and each master a replica', async () => {
  const masters = new Set(await Promise.all([0, 8000, 16_383].map((slot) => lab.masterOf(slot))))
  expect(masters).toEqual(new Set(lab.servers.slice(0, 3)))
  const replicas = await Promise.all([...masters].map((master) => lab.replicasOf(master)))
  expect(new Set(replicas.flat())).toEqual(new Set(lab.servers.slice(3)))
  expect(lab.nodes).toEqual(lab.servers.map(({ port }) => `127.0.0.1:${port}`))
})

test('a slot moves with its keys, and a test may stop half-way', async () => {
  const from = await lab.masterOf(SLOT)
  const to = anotherThan(from)
  await setKeys(from, ['{a}1', '{a}2', '{a}\xff'])
  const migration = await lab.beginMigration(SLOT, to)
  expect([migration.from, migration.to]).toEqual([from, to])
  expect(await migration.moveKeys(1)).toBe(1)
  expect(await lab.masterOf(SLOT)).toBe(from)
  const answers = await Promise.all(['{a}1', '{a}2', '{a}\xff'].map((key) => ask(from, 'GET', key)))
  expect(
    answers.filter((answer) => String(answer).includes(`ASK ${SLOT} 127.0.0.1:${to.port}`)),
  ).toHaveLength(1)
  expect(String(await ask(from, 'MGET', '{a}1', '{a}2', '{a}\xff'))).toContain('TRYAGAIN')
  await migration.finish()
  expect(await lab.masterOf(SLOT)).toBe(to)
  expect(await ask(to, 'MGET', '{a}1', '{a}2', '{a}\xff')).toEqual(['x', 'x', 'x'])
  expect(String(await ask(from, 'GET', '{a}1'))).toContain('MOVED')
  await lab.settled()

  await lab.migrateSlot(SLOT, from)
  expect(await ask(from, 'MGET', '{a}1', '{a}2', '{a}\xff')).toEqual(['x', 'x', 'x'])
  await lab.settled()
})

test('a failover by command brings the replica, and back', async () => {
  const master = await lab.masterOf(SLOT)
  const [replica] = await lab.replicasOf(master)
  for (const [former, next] of [
    [master, replica!],
    [replica!, master],
    [master, replica!],
  ] as const) {
    await lab.failover(former)
    expect(await lab.masterOf(SLOT)).toBe(next)
    await lab.settled()
    expect(await lab.masterOf(SLOT)).toBe(next)
    expect(await lab.replicasOf(next)).toEqual([former])
  }
})

test('a master that is killed is followed by its replica, and is one when it comes back', async () => {
  const former = await lab.masterOf(0)
  const { port } = former
  await former.kill('SIGKILL')
  await expect.poll(() => lab.masterOf(0), { timeout: 30_000 }).not.toBe(former)
  await former.restart()
  expect(former.port).toBe(port)
  await lab.settled()
  expect(await lab.replicasOf(await lab.masterOf(0))).toEqual([former])
})

test('a master that is frozen too, and it follows when it thaws', async () => {
  const former = await lab.masterOf(8000)
  await former.kill('SIGSTOP')
  await expect.poll(() => lab.masterOf(8000), { timeout: 30_000 }).not.toBe(former)
  await former.kill('SIGCONT')
  await lab.settled()
  expect(await lab.replicasOf(await lab.masterOf(8000))).toEqual([former])
})

test('nothing is left behind, whatever state they are in', async () => {
  const other = await startTestCluster({ replicasPerMaster: 0 })
  await other.servers[0]!.kill('SIGSTOP')
  await other.servers[1]!.kill('SIGKILL')
  await other.stop()
  const left = other.servers.map(({ pid, dir }) => [identityOf(pid), existsSync(dir)])
  expect(left).toEqual(other.servers.map(() => [undefined, false]))
})
