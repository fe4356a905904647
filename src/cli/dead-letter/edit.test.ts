import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bury } from '../../../test/support/bury.ts'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const server = useRedisServer()
const log = useLog(server)
const stream = 'user:events'
let io: CapturedIo
let id: string

beforeEach(async () => {
  io = new CapturedIo({ REDIS_URL: server.url })
  ;[id = ''] = await bury(log, { stream, data: [{ user: { email: 'ada@exampel.com' }, n: 1 }] })
})
afterEach(() => io.remove())

const edit = (...args: string[]) => run(io, ['dead-letter', 'edit', stream, id, ...args])
const letter = () => log.operations.deadLetters.get(stream, id)

/** An editor that does what a shell does to the file; it notes which that was. */
function editor(script: string): void {
  const path = join(io.cwd, 'editor.sh')
  writeFileSync(path, `for file; do :; done\necho "$file" > "${io.cwd}/edited"\n${script}\n`)
  io.env['EDITOR'] = `sh ${path} --wait`
}
const editedFile = () => readFileSync(join(io.cwd, 'edited'), 'utf8').trim()

describe('dead-letter edit', () => {
  it('changes the data, shows what changed, and keeps how it came', async () => {
    expect(await edit('--data', '{"user":{"email":"ada@example.com"},"n":1}', '--actor', 'ada')).toBe(EXIT.ok)
    expect(io.stdout.text).toBe('user.email: "ada@exampel.com" -> "ada@example.com"\n')
    expect(io.stderr.text).toContain(`millrace dead-letter redrive ${stream} ${id}`)
    expect(await letter()).toMatchObject({
      event: { data: { user: { email: 'ada@example.com' } } },
      original: expect.arrayContaining(['{"user":{"email":"ada@exampel.com"},"n":1}']),
    })
    const { records } = await log.operations.actions.actions(stream)
    expect(records[0]).toMatchObject({ action: 'edit', actor: 'ada', ids: [id] })
  })

  it('changes the type, prints JSON, and takes everything back', async () => {
    expect(await edit('--type', 'user.mended', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([
      {
        letter: { type: 'user.mended' },
        changes: [{ path: '(type)', from: 'user.created', to: 'user.mended' }],
      },
    ])
    expect(await edit('--original')).toBe(EXIT.ok)
    expect((await letter()).type).toBe('user.created')
    expect((await letter()).original).toBeUndefined()
  })

  it('in a dry run changes nothing', async () => {
    const before = await letter()
    expect(await edit('--data', '7', '--dry-run')).toBe(EXIT.ok)
    expect(io.stdout.text).toContain('data: {"user"')
    expect(io.stderr.text).toContain('nothing was changed: a dry run')
    expect(await letter()).toEqual(before)
  })

  it('refuses what is no JSON, and words that contradict each other', async () => {
    expect(await edit('--data', '{')).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('--data is not JSON')
    expect(await edit('--original', '--type', 'x')).toBe(EXIT.usage)
    expect((await letter()).original).toBeUndefined()
  })
})

describe('dead-letter edit in an editor', () => {
  it('shows what was changed there, and leaves no file', async () => {
    editor(`sed -i 's/exampel/example/' "$file"`)
    expect(await edit()).toBe(EXIT.ok)
    expect(io.stdout.text).toBe('user.email: "ada@exampel.com" -> "ada@example.com"\n')
    expect(existsSync(dirname(editedFile()))).toBe(false)
  })

  it('changes nothing where nothing was changed, or the editor failed', async () => {
    editor('true')
    expect(await edit()).toBe(EXIT.ok)
    expect(io.stderr.text).toContain('nothing was changed')
    editor('exit 3')
    expect(await edit()).toBe(EXIT.failed)
    expect(io.stderr.text).toContain('ended with 3; nothing was changed')
    expect(existsSync(dirname(editedFile()))).toBe(false)
    expect((await letter()).original).toBeUndefined()
  })

  it('keeps what is no JSON, and says where and how to go on', async () => {
    editor(`echo '{ "n": 1,, }' > "$file"`)
    expect(await edit()).toBe(EXIT.failed)
    expect(io.stderr.text).toContain(
      `millrace dead-letter edit ${stream} ${id} --data "$(cat ${editedFile()})"`,
    )
    expect(readFileSync(editedFile(), 'utf8')).toContain(',,')
    expect((await letter()).original).toBeUndefined()
  })

  it('says what to set where there is none', async () => {
    expect(await edit()).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('set VISUAL or EDITOR')
  })
})
