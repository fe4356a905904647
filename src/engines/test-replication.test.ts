import { existsSync } from 'node:fs'

import { expect, test } from 'vitest'

import { askRedis, infoOf } from './ask-redis.ts'
import { identityOf } from './processes.ts'
import { startTestReplicas } from './test-servers.ts'

test('replicas have caught up, keep their role over a restart, and end with their master', async () => {
  const { master, replicas, settled, stop } = await startTestReplicas({ replicas: 2 })
  expect(await askRedis(master.port, ['SET', 'key', 'value'])).toBe('OK')
  for (const { port } of replicas) await expect.poll(() => askRedis(port, ['GET', 'key'])).toBe('value')
  await replicas[0]!.kill('SIGKILL')
  await replicas[0]!.restart()
  await settled()
  expect(await askRedis(replicas[0]!.port, ['GET', 'key'])).toBe('value')
  expect((await infoOf(replicas[0]!.port, 'replication')).get('role')).toBe('slave')

  await replicas[1]!.kill('SIGSTOP')
  await stop()
  for (const { pid, dir } of [master, ...replicas]) {
    expect([identityOf(pid), existsSync(dir)]).toEqual([undefined, false])
  }
})

test('the arguments go to all, and one that can not start ends them', async () => {
  const args = ['--min-replicas-to-write', '1']
  const { master, replicas, stop } = await startTestReplicas({ args })
  await replicas[0]!.stop()
  await expect.poll(() => askRedis(master.port, ['SET', 'a', 'b']).catch(String)).toContain('NOREPLICAS')
  await stop()
  await expect(startTestReplicas({ args: ['--no-such-option', 'x'] })).rejects.toThrow('no-such-option')
})
