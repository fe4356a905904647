import { chmodSync, existsSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { postgresEngine } from './engines.ts'
import { engineFolder, removeFolder } from './fixtures/folder.ts'
import { postgresHome } from './postgres-home.ts'

const isRoot = process.getuid?.() === 0

let dir: string
beforeEach(async () => {
  dir = await engineFolder()
})
afterEach(() => removeFolder(dir))

test.skipIf(isRoot)('an ordinary user has all in the folder (not for root)', async () => {
  chmodSync(dir, 0o700)
  expect(await postgresHome(dir)).toEqual({ folder: dir, account: undefined })
})

test.runIf(isRoot)(
  'root hands the data to another account, in the folder if that gets there (for root alone)',
  async () => {
    const { folder, account } = await postgresHome(dir)
    expect(folder).toBe(dir)
    expect(account?.uid).toBeGreaterThan(0)
  },
)

test.runIf(isRoot)('else in a folder elsewhere, which is found again (for root alone)', async () => {
  chmodSync(dir, 0o700)
  const engine = await postgresEngine({ dir, env: {} })
  const elsewhere = readlinkSync(join(dir, 'elsewhere'))
  try {
    expect(readFileSync(join(elsewhere, 'postgres/PG_VERSION'), 'utf8')).toBe('18\n')
    await engine.stop()
    const again = await postgresEngine({ dir, env: {} })
    expect(again.url).toBe(engine.url)
    await again.stop()
    expect(readlinkSync(join(dir, 'elsewhere'))).toBe(elsewhere)

    chmodSync(elsewhere, 0o777) // now anybody could have changed it
    const { folder } = await postgresHome(dir)
    expect(folder).not.toBe(elsewhere)
    rmSync(folder, { recursive: true })
  } finally {
    rmSync(elsewhere, { recursive: true, force: true })
  }
  expect(existsSync(join(dir, 'postgres'))).toBe(false)
})
