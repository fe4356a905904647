import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { releaseNotes } from '../../scripts/release-notes.mjs'
import { useOnce } from '../support/use.ts'
import { jobsOf, parseWorkflow, readWorkflow, ROOT, scriptsOf, type Workflow } from './workflow-model.ts'

const TEXTS = { 'ci.yml': readWorkflow('ci.yml'), 'release.yml': readWorkflow('release.yml') }
const ci = parseWorkflow(TEXTS['ci.yml'])
const release = parseWorkflow(TEXTS['release.yml'])
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')
const manifest = JSON.parse(read('package.json')) as {
  engines: { node: string }
  scripts: Record<string, string>
}
const needsOf = (job: { needs?: string | string[] | undefined } | undefined): string[] =>
  [job?.needs ?? []].flat()

/** The jobs of a workflow that may do what only some may. */
const allowed = (flow: Workflow, what: string, how: string): string[] =>
  Object.entries(flow.jobs)
    .filter(([, { permissions = {} }]) => (permissions as Record<string, string>)[what] === how)
    .map(([name]) => name)

describe.each(Object.entries(TEXTS))('%s', (name, text) => {
  const flow = parseWorkflow(text)

  test('is all that there is, beside the other', () => {
    expect(readdirSync(join(ROOT, '.github/workflows')).sort()).toEqual(Object.keys(TEXTS))
    expect(() => parseWorkflow(`${text}\nextra: 1`)).toThrow('extra')
    expect(() => parseWorkflow(text.replace('timeout-minutes', 'timeout-minuets'))).toThrow('Invalid input')
    expect(() => parseWorkflow(text.replace(/^on:$/m, 'on: [pull_request_target]\nxx:'))).toThrow('xx')
  })

  test('runs the actions of one commit each, which its comment names', () => {
    const uses = [...text.matchAll(/uses: (.*)$/gm)].map(([, used]) => used!)
    const own = uses.filter((used) => !used.startsWith('./'))
    expect(own.filter((used) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(used))).toEqual([])
    expect(new Set(own.map((used) => used.split('@')[0])).size).toBe(new Set(own).size) // one version of each
    for (const used of uses.filter((used) => used.startsWith('./')))
      expect(existsSync(join(ROOT, used))).toBe(true)
  })

  test('hands nothing of others to a shell as text, and prints no secret', () => {
    for (const { run, env } of scriptsOf(flow)) {
      expect(run).not.toContain('${{')
      for (const variable of Object.keys(env).filter((one) => env[one]!.includes('token')))
        expect(run).not.toMatch(new RegExp(`(?:echo|printf|--password)[ =].*\\$${variable}`))
    }
    expect(text).not.toContain('secrets.')
  })

  test('leaves no token with the checkout, and takes nothing from a cache', () => {
    for (const { steps } of jobsOf(flow)) {
      const used = steps.flatMap((step) => ('uses' in step ? [step] : []))
      for (const { uses, with: inputs } of used)
        expect(inputs).toMatchObject(
          uses.startsWith('actions/checkout')
            ? { 'persist-credentials': false }
            : { 'package-manager-cache': false },
        )
    }
  })

  test('runs scripts that there are, and shell that can be read', () => {
    for (const { run } of scriptsOf(flow)) {
      for (const [, script] of run.matchAll(/npm run (\S+)/g))
        expect(manifest.scripts).toHaveProperty(script!)
      for (const [, file] of run.matchAll(/node (\S+)/g)) expect(existsSync(join(ROOT, file!))).toBe(true)
      const { status, stderr } = spawnSync('bash', ['-n'], { input: run, encoding: 'utf8' })
      expect({ name, run, status, stderr }).toMatchObject({ status: 0 })
    }
  })
})

describe('ci', () => {
  const [job] = jobsOf(ci)

  test('runs what anybody runs, and may do nothing but read', () => {
    expect(job!.steps.at(-1)).toEqual({ run: 'npm test' })
    expect(ci.permissions).toEqual({ contents: 'read' })
    expect(job!.permissions).toBeUndefined()
  })

  test('begins with the oldest Node.js that the package allows, and has the one of the image', () => {
    const versions = job!.strategy!.matrix['node']!
    expect(`>=${versions[0]}`).toBe(manifest.engines.node)
    expect(versions.map((version) => Number.parseInt(version, 10))).toEqual([20, 22, 24])
    expect(read('Dockerfile')).toContain(`nodejs${versions.at(-1)}-`)
  })
})

describe('release', () => {
  test('begins with a tag of a version, and publishes nothing before it was checked and tested', () => {
    expect(release.on).toEqual({ push: { tags: ['v[0-9]+.[0-9]+.[0-9]+'] } })
    expect(needsOf(release.jobs['test'])).toEqual(['check'])
    for (const name of ['package', 'image']) expect(needsOf(release.jobs[name])).toEqual(['test'])
    expect(needsOf(release.jobs['notes'])).toEqual(['package', 'image'])
    expect(release.jobs['test']).toMatchObject({ uses: './.github/workflows/ci.yml' })
    expect(release.concurrency['cancel-in-progress']).toBe(false)
  })

  test('gives each job what it needs, and no more', () => {
    expect(release.permissions).toEqual({})
    expect(allowed(release, 'id-token', 'write')).toEqual(['package'])
    expect(allowed(release, 'packages', 'write')).toEqual(['image'])
    expect(allowed(release, 'contents', 'write')).toEqual(['notes'])
    for (const job of Object.values(release.jobs)) expect(job.permissions).toHaveProperty('contents')
  })

  test('says of what it publishes where it comes from and what it is made of', () => {
    const all = scriptsOf(release)
      .map(({ run }) => run)
      .join('\n')
    expect(all).toContain('npm publish --provenance')
    expect(all).toContain('npm sbom --sbom-format cyclonedx')
    for (const flag of ['--platform linux/amd64,linux/arm64', '--provenance mode=max', '--sbom true'])
      expect(all).toContain(flag)
    for (const [, name] of read('Dockerfile').matchAll(/^ARG (\w+)/gm))
      expect(all).toContain(`--build-arg "${name}=`)
  })
})

describe('what the package is made of', () => {
  test('can be listed from the lock file alone: production, nothing else', () => {
    const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only']
    const { stdout } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' })
    const { components } = JSON.parse(stdout) as { components: { name: string }[] }
    const names = components.map(({ name }) => name)
    expect(names).toContain('hono')
    expect(names).not.toContain('vitest')
  })
})

describe('the notes of a release', () => {
  const place = useOnce(
    async () => ({ folder: mkdtempSync(join(tmpdir(), 'millrace-release-')) }),
    async ({ folder }) => rmSync(folder, { recursive: true }),
  )
  const changelog = [
    '# Changelog',
    '## Unreleased',
    '- Not yet.',
    '## 1.2.3 - 2026-05-01',
    '### Added',
    '- This.\n',
    '## 1.2.2 - 2026-04-01',
    '- That.',
    '## 1.2.1 - 2026-03-01',
    '## 11213 - 2026-03-01',
    '- Nothing of it.',
  ].join('\n')

  const notesOf = (tag: string, version: string, lock = version) => {
    writeFileSync(join(place.folder, 'package.json'), JSON.stringify({ version }))
    writeFileSync(join(place.folder, 'package-lock.json'), JSON.stringify({ version: lock }))
    writeFileSync(join(place.folder, 'CHANGELOG.md'), changelog)
    return releaseNotes(tag, place.folder)
  }

  test('are the section of its version', () => {
    expect(notesOf('v1.2.3', '1.2.3')).toEqual({ notes: '### Added\n- This.', mistakes: [] })
    expect(notesOf('v1.2.2', '1.2.2')).toEqual({ notes: '- That.', mistakes: [] })
  })

  test('are refused where tag, package and changelog do not agree, with every reason', () => {
    const wanted = 'CHANGELOG.md has no section "## 2.0.0 - YYYY-MM-DD" with something in it'
    expect(notesOf('v2.0.0', '1.2.3', '1.2.2').mistakes).toEqual([
      'package.json has the version 1.2.3; wanted: 2.0.0',
      'package-lock.json has the version 1.2.2; wanted: 2.0.0',
      wanted,
    ])
    expect(notesOf('v1.2.1', '1.2.1').mistakes).toHaveLength(1) // a section with nothing in it
    expect(notesOf('v1x2.3', '1.2.3').mistakes).toEqual([
      '"v1x2.3" is no tag of a release; wanted: such as v1.2.3',
    ])
    expect(notesOf('', '1.2.3').mistakes).toHaveLength(1)
  })

  test('end the program with 1 where there are none', () => {
    const { status, stderr } = spawnSync('node', ['scripts/release-notes.mjs', 'v99.0.0'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('99.0.0') as string,
    })
  })
})
