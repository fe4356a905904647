import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anchorOf } from '../deploy/monitoring/build/runbook.ts'
import { createProgram } from '../src/cli/program.ts'
import { envExample } from '../src/config/example.ts'
import type { Variable } from '../src/config/variable.ts'
import { VARIABLES } from '../src/config/variables.ts'
import { startTestRedis, type TestServer } from '../src/engines/test-servers.ts'
import { CapturedIo } from './support/captured-io.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map((match) => match[1]!)

/** The commands of a shell block, each with its continued lines and without its comment. */
const commandsOf = (block: string) =>
  block
    .replaceAll(/\s+#.*$/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

/** A call of `millrace`, however it is found, with variables in front. */
const OURS = /^(?:\w+=\S+ +)*(?:npx |\S+\/\.bin\/)?millrace (.*)$/

describe('the commands of the README, and of those who deploy', () => {
  const commands = blocks(read('README.md'), 'sh').flatMap(commandsOf)
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

  it('are there', () => {
    expect(commands).toContain('npm start')
    expect(commands).toContain('npm test')
  })

  it.each(commands.filter((line) => line.startsWith('npm ')))('%s is a script', (line) => {
    const [, verb = '', name = ''] = line.split(/\s+/)
    expect(Object.keys(scripts)).toContain(verb === 'run' ? name : verb)
  })

  const pages = readdirSync(join(ROOT, 'docs/deployment')).map((page) => `docs/deployment/${page}`)
  const deployed = [...pages, 'docs/security.md'].flatMap((page) =>
    blocks(read(page), 'sh').flatMap(commandsOf),
  )

  it.each([...commands, ...deployed].flatMap((line) => OURS.exec(line)?.[1] ?? []))(
    'millrace %s is a command with these options',
    (line) => {
      const io = new CapturedIo()
      io.remove()
      const program = createProgram(io, () => {})
      const [name = '', ...words] = line.replace(/'[^']*'/g, 'VALUE').split(/\s+/)
      if (name.startsWith('--')) return
      const group = program.commands.find((one) => one.name() === name)
      const command = group?.commands.find((one) => one.name() === words[0]) ?? group
      expect(group?.name()).toBe(name)
      const known = new Set(command!.options.map(({ long }) => long))
      expect(words.filter((word) => word.startsWith('--') && !known.has(word))).toEqual([])
    },
  )

  it('show the main job in six lines or fewer', () => {
    const job = blocks(read('README.md'), 'sh').find((block) => block.includes('npm start'))!
    expect(job.trim().split('\n').length).toBeLessThanOrEqual(6)
  })
})

describe('the library example of the README', () => {
  const file = join(ROOT, '.millrace/readme-example.ts')
  let server: TestServer

  beforeAll(async () => {
    server = await startTestRedis()
  })
  afterAll(async () => {
    rmSync(file, { force: true })
    await server.stop()
  })

  it('runs', async () => {
    const [example = ''] = blocks(read('README.md'), 'ts')
    mkdirSync(dirname(file), { recursive: true })
    const closing =
      '\nwhile (worker.status.processed === 0) await new Promise((done) => setTimeout(done, 10))\nawait bus.close()\n'
    writeFileSync(file, example.replace('redis://localhost:6379', server.url) + closing)
    const tsx = join(ROOT, 'node_modules/.bin/tsx')
    const { stdout } = await promisify(execFile)(tsx, [file], { cwd: ROOT, timeout: 30_000 })
    expect(stdout).toBe('welcome, ada@example.com\n')
  })
})

describe('the links of the documents', () => {
  const files = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    'docs/comparison.md',
    'docs/conformance.md',
    'docs/guide.md',
    'docs/guarantees.md',
    'docs/configuration.md',
    'docs/access.md',
    'docs/internals.md',
    'docs/metrics.md',
    'docs/observability.md',
    'docs/operations.md',
    'docs/security.md',
    'docs/operations.md',
    'docs/performance.md',
    'docs/recovery.md',
    'docs/command-line.md',
    'docs/load-testing.md',
    'docs/tutorial.md',
    'docs/connectors.md',
    'docs/runbook.md',
    ...['concepts', 'connectors', 'deployment'].flatMap((folder) =>
      readdirSync(join(ROOT, 'docs', folder)).map((page) => `docs/${folder}/${page}`),
    ),
  ]
  const links = files.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:)([^)]+)\)/g)].map((match) => ({ file, target: match[1]! })),
  )
  const sectionsOf = (file: string): string[] =>
    file.endsWith('.md')
      ? [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!))
      : []

  it.each(links)('$file leads to $target', ({ file, target }) => {
    const [path = '', section] = target.split('#')
    const place = path === '' ? file : join(dirname(file), path)
    expect(existsSync(join(ROOT, place))).toBe(true)
    expect([undefined, ...sectionsOf(place)]).toContain(section)
  })
})

describe('docs/configuration.md', () => {
  it('says what the schema says (written anew by `npx vitest run test/documents.test.ts -u`)', async () => {
    await expect(configurationPage()).toMatchFileSnapshot('../docs/configuration.md')
  })
})

describe('.env.example', () => {
  it('says what the schema says (written anew in the same way)', async () => {
    await expect(envExample()).toMatchFileSnapshot('../.env.example')
  })
})

function configurationPage(): string {
  const rows = Object.entries(VARIABLES as Record<string, Variable>).map(([name, variable]) => {
    const names = [name, ...(variable.aliases ?? []).map((alias) => `alias ${alias}`)]
    if (variable.secret) names.push(`file ${name}_FILE`)
    if (variable.reloads) names.push('reloads')
    const standard =
      variable.default === undefined ? (variable.defaultNote ?? 'none') : `\`${variable.default}\``
    return `| ${names.map((one) => `\`${one}\``).join(' ')} | ${variable.about} | ${variable.schema.description} | ${standard} |`
  })
  return `# Configuration

Every variable of the service. A flag wins over the environment, the environment over \`.env\` in the working directory,
that over the configuration file, and the file over the default. All are checked at start, and every mistake is listed at
once. \`millrace config print\` shows what a service would get that is started here, secrets masked, and where each value
comes from. \`.env.example\` (\`millrace config example\`) has every variable, commented out.

The configuration file is \`millrace.config.js\` or \`millrace.config.json\` in the working directory, or the one that
\`--config\` names; \`millrace.config.ts\` where Node.js loads TypeScript (22.18 or newer). It holds variables by their names,
as texts, numbers, booleans and lists. A name that is no variable is a mistake there.

\`\`\`js
export default { SERVICE_PORT: 8080, ROLES: ['api', 'worker'], LOG_LEVEL: 'warn' }
\`\`\`

Variables marked \`reloads\` are taken over when the service is told to read its configuration again (SIGHUP); the others
need a restart. See [operations](operations.md).

| variable | what it is for | wanted | default |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
