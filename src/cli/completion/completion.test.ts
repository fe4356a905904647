import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { useCommand } from '../../../test/support/use-command.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { useOnce } from '../../../test/support/use.ts'
import { EXIT } from '../exit.ts'

const ROOT = join(import.meta.dirname, '../../..')
const { server, admin } = useRedis()
const millrace = useCommand(server)

/** A folder with a `millrace` that runs from the sources. */
const place = useOnce(
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-test-completion-'))
    const file = join(folder, 'millrace')
    const loader = join(ROOT, 'node_modules/tsx/dist/loader.mjs')
    const main = join(ROOT, 'src/cli/main.ts')
    writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" --import "${loader}" "${main}" "$@"\n`)
    chmodSync(file, 0o755)
    return { folder }
  },
  async ({ folder }) => rmSync(folder, { recursive: true, force: true }),
)

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0

/** What a shell says that runs these lines, with the Redis of the test configured. */
function shell(name: string, lines: string): string {
  const PATH = `${place.folder}:${process.env['PATH']}`
  const env = { ...process.env, PATH, REDIS_URL: server.url, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') }
  return execFileSync(name, ['-c', lines], { env, encoding: 'utf8', cwd: place.folder })
}

beforeAll(async () => {
  await admin.send(['XADD', 'user:events', '1-0', 'a', 'b'])
  await admin.send(['XADD', 'user:orders', '1-0', 'a', 'b'])
  await admin.send(['XGROUP', 'CREATE', 'user:events', 'mail er', '0'])
})

describe('complete', () => {
  it('prints words with what they mean, and names', async () => {
    expect((await millrace(['complete', '--', 'stream', 'in'])).out).toBe(
      'info\tshow a stream, its groups, and what keeps its entries\n',
    )
    expect((await millrace(['complete', '--', 'stream', 'info', 'user:e'])).out).toBe('user:events\n')
    expect((await millrace(['complete', '--', 'group', 'info', 'user:events', ''])).out).toBe('mail er\n')
  })

  it('is silent where Redis is not there, or none is configured', async () => {
    for (const REDIS_URL of ['redis://127.0.0.1:1', '']) {
      const { code, out, err } = await millrace(['complete', '--', 'stream', 'info', ''], {
        env: { REDIS_URL },
      })
      expect([code, out, err]).toEqual([EXIT.ok, '', ''])
    }
  })
})

describe('completion bash', () => {
  /** What bash offers for a line that ends in a cursor. */
  const offers = (line: string) =>
    shell(
      'bash',
      `source <(millrace completion bash)
       COMP_LINE=${JSON.stringify(line)} COMP_POINT=${line.length} COMP_WORDS=(millrace)
       _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`,
    )
      .split('\n')
      .filter(Boolean)

  it('completes words and names', () => {
    expect(shell('bash', 'source <(millrace completion bash); complete -p millrace')).toContain(
      '-F _millrace millrace',
    )
    expect(offers('millrace stream t')).toEqual(['tail', 'trim'])
    expect(offers('millrace stream ls --sort l')).toEqual(['length', 'lag'])
    // What stands before the colon is there already.
    expect(offers('millrace stream info user:')).toEqual(['events', 'orders'])
    expect(offers('millrace group info user:events ')).toEqual(['mail\\ er'])
  })
})

describe.skipIf(!has('zsh'))('completion zsh (skipped where there is no zsh)', () => {
  it('is read', () => {
    const lines =
      'autoload -U compinit; compinit -D; source <(millrace completion zsh); print $_comps[millrace]'
    expect(shell('zsh', lines)).toContain('_millrace')
  })
})

describe.skipIf(!has('fish'))('completion fish (skipped where there is no fish)', () => {
  it('completes words', () => {
    const lines = `millrace completion fish | source; complete -C 'millrace stream in'`
    expect(shell('fish', lines)).toContain('info')
  })
})
