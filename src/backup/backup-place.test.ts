import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { useEach } from '../../test/support/use.ts'
import { anywhere, within } from './backup-place.ts'

const folder = useEach(
  async () => ({ path: mkdtempSync(join(tmpdir(), 'place-')) }),
  async ({ path }) => rmSync(path, { recursive: true }),
)

test('a name from outside is a file of the directory, which is made', async () => {
  const home = join(folder.path, 'backups')
  expect(await within(home).resolve('nightly.millrace')).toBe(join(home, 'nightly.millrace'))
  expect(existsSync(home)).toBe(true)
})

test.each(['../x', '/etc/passwd', 'a/b', 'a\\b', '..', '.', '.x', '', 'a\0b', 'a\nb', '~/../x'])(
  'the name %j is refused',
  async (name) => {
    expect(await failureOf(within(folder.path).resolve(name))).toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
  },
)

test('a link that leads out of the directory is refused', async () => {
  const home = join(folder.path, 'home')
  await within(home).resolve('x')
  writeFileSync(join(folder.path, 'secret'), '')
  symlinkSync(join(folder.path, 'secret'), join(home, 'link'))
  symlinkSync('link', join(home, 'inner'))
  for (const name of ['link', 'inner'])
    expect((await failureOf(within(home).resolve(name))).message).toContain('out of the directory')
})

test('a command line may name any file in a directory that is there', async () => {
  expect(await anywhere(folder.path).resolve('x')).toBe(join(folder.path, 'x'))
  expect(await anywhere().resolve(join(folder.path, 'x'))).toBe(join(folder.path, 'x'))
  expect((await failureOf(anywhere(folder.path).resolve('none/x'))).message).toContain('create it')
})
