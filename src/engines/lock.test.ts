import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { engineFolder, removeFolder } from './fixtures/folder.ts'
import { runFixture } from './fixtures/start.ts'
import { withLock } from './lock.ts'
import { ownIdentity } from './processes.ts'

let dir: string
let lock: string
beforeEach(async () => {
  dir = await engineFolder()
  lock = join(dir, 'lock')
  mkdirSync(lock)
})
afterEach(() => removeFolder(dir))

test('keeps processes apart, one of which is killed while it holds the lock', async () => {
  const file = join(dir, 'count')
  writeFileSync(file, '0')
  const victim = runFixture('counter.ts', lock, join(dir, 'other'), '1000000')
  writeFileSync(join(dir, 'other'), '0')
  await expect
    .poll(() => Number(readFileSync(join(dir, 'other'), 'utf8')), { timeout: 20_000 })
    .toBeGreaterThan(9)
  const counters = [1, 2, 3].map(() => runFixture('counter.ts', lock, file, '100'))
  const ended = counters.map((child) => once(child, 'exit'))
  await expect.poll(() => Number(readFileSync(file, 'utf8')), { timeout: 20_000 }).toBeGreaterThan(9)
  victim.kill('SIGKILL')
  expect((await Promise.all(ended)).map(([code]) => code as number)).toEqual([0, 0, 0])
  expect(readFileSync(file, 'utf8')).toBe('300')
  expect(readdirSync(lock).length).toBeLessThan(10)
})

test.each(['999999-1', `${process.pid}-1`, 'nonsense'])('takes over from %s', async (holder) => {
  symlinkSync(holder, join(lock, '7'))
  expect(await withLock(lock, async () => 'done')).toBe('done')
})

test('does not mind what is no lock of ours', async () => {
  writeFileSync(join(lock, '9'), 'nonsense')
  writeFileSync(join(lock, 'nonsense'), '')
  expect(await withLock(lock, async () => 'done')).toBe('done')
})

test('is free again after a failure', async () => {
  await expect(withLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await withLock(lock, async () => 'done')).toBe('done')
})

test('says whom it waits for, and gives up in the end', async () => {
  symlinkSync(ownIdentity, join(lock, '1'))
  const waited: string[] = []
  const result = withLock(lock, async () => 'done', { onWait: (pid) => waited.push(pid), timeoutMs: 60 })
  await expect(result).rejects.toMatchObject({ code: 'ENGINE_LOCKED' })
  expect(waited).toEqual([String(process.pid)])
})
