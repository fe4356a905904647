import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, truncateSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { backupLab, contentsOf, restoreTo, TestRun } from '../../../test/support/backup-lab.ts'
import { failureOf } from '../../../test/support/until.ts'
import { checkBackup } from '../../backup/backup-reader.ts'

const lab = backupLab()
const CHILD = fileURLToPath(new URL('../../../test/support/backup-child.ts', import.meta.url))
const FILL = `for i = 1, 1000 do redis.call('XADD', KEYS[1], '*', 'n', i, 'data', ARGV[1] .. string.rep(i, 20)) end`

async function fill(stream: string, thousands: number): Promise<void> {
  for (let n = 0; n < thousands; n++) await lab.source.send(['EVAL', FILL, '1', stream, String(n)])
  await lab.source.send(['XGROUP', 'CREATE', stream, 'g', '0'])
  for (const consumer of ['a', 'b'])
    await lab.source.send(['XREADGROUP', 'GROUP', 'g', consumer, 'COUNT', '700', 'STREAMS', stream, '>'])
}

const filesHere = () => readdirSync(dirname(lab.path)).filter((name) => name.startsWith(basename(lab.path)))

/** Kills a process of its own as soon as it has done so many entries, or lets it finish. */
async function runChild(kind: 'backup' | 'restore', id: string, killAfter = Infinity): Promise<number[]> {
  const url = kind === 'backup' ? lab.sourceServer.url : lab.targetServer.url
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, kind, url, lab.path, id])
  const seen: number[] = []
  child.stdout.on('data', (bytes: Buffer) => {
    seen.push(...String(bytes).trim().split('\n').map(Number))
    if (seen.at(-1)! >= killAfter) child.kill('SIGKILL')
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect(signal ?? code).toBe(killAfter < Infinity ? 'SIGKILL' : 0)
  return seen
}

test('a backup that was killed goes on from its last whole frame', async () => {
  await fill('first', 20)
  await fill('second', 20)
  const before = await contentsOf(lab.source)
  await runChild('backup', 'b', 33_000)
  const [partial] = filesHere()
  expect(partial).toMatch(/\.b\.partial$/)
  // As if the last write had not come to its end.
  const file = join(dirname(lab.path), partial!)
  truncateSync(file, statSync(file).size - 7)
  await runChild('backup', 'b', 3_000)
  const seen = await runChild('backup', 'b')
  expect(seen.at(-1)).toBeLessThan(20_000)
  expect(filesHere()).toEqual([basename(lab.path)])
  await lab.restore()
  expect(await contentsOf(lab.target)).toEqual(before)
}, 60_000)

test('a restore that was killed shows nothing half done, and goes on', async () => {
  await fill('first', 20)
  await fill('second', 20)
  await lab.backup()
  await runChild('restore', 'r', 33_000)
  const between = Object.keys(await contentsOf(lab.target))
  expect(between.filter((key) => !key.includes('restore:'))).toEqual(['first'])
  for (const key of between.filter((name) => name !== 'first'))
    expect(await lab.target.send(['PTTL', key])).toBeGreaterThan(0)
  const work = await lab.restore({ streams: ['second'] }, new TestRun('r'))
  expect(work).toMatchObject({ streams: 1, entries: 20_000 })
  expect(await contentsOf(lab.target)).toMatchObject(await contentsOf(lab.source))
}, 60_000)

test('a run that goes on does not build again what was built, nor what appeared', async () => {
  await fill('first', 3)
  await fill('second', 3)
  await lab.backup()
  const run = new TestRun('r')
  let done = 0
  run.step = (count) => {
    done += count
    if (done > 4_000) run.ended.abort()
  }
  await lab.restore({}, run)
  const built = await lab.target.send<number>(['XLEN', '{second}:restore:r:stream'])
  expect(built).toBeGreaterThan(0)
  await lab.target.send(['CONFIG', 'RESETSTAT'])
  const again = new TestRun('r')
  again.resumeFrom = run.resumeFrom
  const { digest } = await checkBackup(lab.path)
  const result = await restoreTo(lab.target).run({ path: lab.path, digest }, again)
  expect(result).toMatchObject({ streams: 2, entries: 6_000, pending: 2_800 })
  const stats = await lab.target.send<string>(['INFO', 'commandstats'])
  expect(Number(/cmdstat_xadd:calls=(\d+)/.exec(stats)?.[1])).toBe(3_000 - built)
  expect(await contentsOf(lab.target)).toEqual(await contentsOf(lab.source))
})

test('what appeared while its answer was lost is not built again, nor in the way', async () => {
  await fill('first', 1)
  await lab.backup()
  const run = new TestRun('r')
  run.checkpoint = async () => {
    throw new Error('the process ends')
  }
  await failureOf(lab.restore({}, run))
  const work = restoreTo(lab.target)
  const { digest } = await checkBackup(lab.path)
  expect(await work.run({ path: lab.path, digest }, new TestRun('r'))).toMatchObject({
    streams: 1,
    entries: 1_000,
  })
  expect(await contentsOf(lab.target)).toEqual(await contentsOf(lab.source))
})

test('a restore at a low rate takes small steps, so that nothing expires while it waits', async () => {
  await fill('first', 1)
  await lab.backup()
  const run = new TestRun('r')
  run.ratePerSecond = 3
  const steps: number[] = []
  run.step = (count) => void steps.push(count)
  await lab.restore({}, run)
  expect(Math.max(...steps)).toBeLessThanOrEqual(30)
  expect(await lab.target.send(['XLEN', 'first'])).toBe(1_000)
})

test('a restore that is cancelled leaves no key, and a backup no file', async () => {
  await fill('first', 5)
  const backup = new TestRun('b')
  backup.step = () => backup.cancel()
  await lab.backup({}, backup)
  expect(filesHere()).toEqual([])
  expect(await lab.source.send(['EXISTS', '{first}:holds'])).toBe(0)
  await lab.backup()
  const restore = new TestRun('r')
  restore.step = () => restore.cancel()
  await lab.restore({}, restore)
  expect(await lab.target.send(['KEYS', '*'])).toEqual([])
})

test('a restore that runs out of memory fails, and leaves no key', async () => {
  await fill('first', 5)
  await lab.backup()
  await lab.target.send(['CONFIG', 'SET', 'maxmemory', '1200000'])
  const failure = await failureOf(lab.restore()).finally(() =>
    lab.target.send(['CONFIG', 'SET', 'maxmemory', '0']),
  )
  expect(failure.message).toContain('OOM')
  expect(await lab.target.send(['KEYS', '*'])).toEqual([])
})

test('a file that is replaced between the check and the run is refused', async () => {
  await fill('first', 1)
  await lab.backup()
  const work = restoreTo(lab.target)
  const params = await work.check({ path: lab.path })
  rmSync(lab.path)
  await lab.source.send(['XADD', 'first', '*', 'a', 'b'])
  await lab.backup()
  expect(await failureOf(work.run(params, new TestRun('r')))).toMatchObject({ code: 'BACKUP_INVALID' })
  expect(await lab.target.send(['KEYS', '*'])).toEqual([])
})
