import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findOnPath } from '../../src/engines/path.ts'

const ROOT = join(import.meta.dirname, '../..')
const OVERLAYS = join(ROOT, 'deploy/kubernetes')
const USED = ['sh', 'dirname', 'sed', 'date', 'mktemp', 'rm', 'cat', 'grep', 'ls', 'tr', 'git']

let bin = ''
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'millrace-scripts-'))
  // Nothing but what the scripts may count on: a docker of this machine is never reached.
  for (const name of USED) symlinkSync(findOnPath(name, process.env['PATH']), join(bin, name))
})
afterEach(() => rmSync(bin, { recursive: true }))

/** A program that writes down its arguments, and then does what the script says. */
function stub(name: string, script = ''): void {
  const file = join(bin, name)
  writeFileSync(file, `#!/bin/sh\necho "${name} $*" >>"${join(bin, 'calls')}"\n${script}\n`)
  chmodSync(file, 0o755)
}

const calls = (): string[] =>
  existsSync(join(bin, 'calls')) ? readFileSync(join(bin, 'calls'), 'utf8').trim().split('\n') : []

function run(script: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      join(ROOT, 'scripts', script),
      args,
      { env: { PATH: bin, HOME: process.env['HOME'], ...env }, cwd: tmpdir() },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}

describe('scripts/run-local', () => {
  const PORTS =
    'case "$*" in *" port api 8000"|"compose port api 8000") echo 127.0.0.1:8123 ;; *grafana*) echo 127.0.0.1:3000 ;; esac'

  test('starts everything, waits until it is healthy, and says where it is', async () => {
    stub('docker', PORTS)
    const { code, stdout } = await run('run-local')
    expect(code).toBe(0)
    expect(calls().slice(2, 4)).toEqual([
      'docker compose --file docker-compose.yml build',
      'docker compose --file docker-compose.yml up --detach --wait',
    ])
    expect(stdout).toContain('http://127.0.0.1:8123/api-docs')
    expect(stdout).toContain('http://127.0.0.1:3000')
    expect(stdout).not.toContain('Ingress') // what is not published has no address
  })

  test('takes options and services', async () => {
    stub('docker')
    await run('run-local', ['--reload', 'worker'])
    await run('run-local', ['--down'])
    const files = '--file docker-compose.yml --file deploy/compose/reload.yml'
    // The image is built whatever is asked for: all services run it, and one of them builds it.
    expect(calls()).toContain(`docker compose ${files} build`)
    expect(calls()).toContain(`docker compose ${files} up --detach --wait worker`)
    expect(calls()).toContain('docker compose --file docker-compose.yml down')
  })

  test('runs nothing when it is dry', async () => {
    const { code, stdout } = await run('run-local', ['--dry-run'])
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        'docker compose --file docker-compose.yml build\ndocker compose --file docker-compose.yml up --detach --wait\n',
    })
  })

  test('says what is missing', async () => {
    expect(await run('run-local')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no docker on the PATH') as string,
    })
    stub('docker', 'case "$1" in compose) exit 1 ;; esac')
    expect(await run('run-local')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no Compose plugin') as string,
    })
    stub('docker', 'case "$1" in info) exit 1 ;; esac')
    expect(await run('run-local')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('daemon does not answer') as string,
    })
    stub('docker', 'case "$*" in *build*) exit 1 ;; esac')
    expect(await run('run-local')).toMatchObject({
      code: 1,
      stderr: 'run-local: the image could not be built\n',
    })
    stub('docker', 'case "$*" in *up*) exit 1 ;; esac')
    expect(await run('run-local')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('docker compose logs') as string,
    })
  })
})

describe('scripts/deploy', () => {
  /** Answers what it is asked to render, so that the check finds the image there. */
  const KUBECTL =
    'cp() { while IFS= read -r line; do echo "$line"; done; }\n' +
    'case "$1" in kustomize) echo "        image: $EXPECTED" ;; apply) cp <"$3/kustomization.yaml" >"$APPLIED" ;; esac'

  const applied = (): string => readFileSync(join(bin, 'applied'), 'utf8')
  const deploy = (env: NodeJS.ProcessEnv, image: string, ...args: string[]) =>
    run('deploy', args, { ...env, EXPECTED: image, APPLIED: join(bin, 'applied') })

  test('builds, pushes and applies the overlay with that image, and leaves nothing behind', async () => {
    stub('docker')
    stub('kubectl', KUBECTL)
    const before = readdirSync(OVERLAYS)
    const image = 'localhost:5000/millrace:7'
    expect(await deploy({ IMAGE_TAG: '7' }, image)).toMatchObject({ code: 0 })
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    expect(calls()).toEqual([
      expect.stringMatching(
        new RegExp(
          `^docker build --build-arg VERSION=${version} --build-arg REVISION=\\w+ --build-arg CREATED=\\S+Z --tag ${image} \\.$`,
        ),
      ) as string,
      `docker push ${image}`,
      expect.stringMatching(/^kubectl kustomize deploy\/kubernetes\/\.deploy-\w+$/) as string,
      expect.stringMatching(/^kubectl apply -k deploy\/kubernetes\/\.deploy-\w+$/) as string,
    ])
    expect(applied()).toContain('- ../overlays/development\n')
    expect(applied()).toContain(`{ name: millrace, newName: localhost:5000/millrace, newTag: '7' }`)
    expect(readdirSync(OVERLAYS)).toEqual(before)
  })

  test('takes another registry, overlay and machines', async () => {
    stub('docker')
    stub('kubectl', KUBECTL)
    const env = { IMAGE_REGISTRY: 'registry.example.com/team', OVERLAY: 'production', IMAGE_TAG: '1.2.3' }
    const image = 'registry.example.com/team/millrace:1.2.3'
    expect(await deploy({ ...env, PLATFORMS: 'linux/amd64,linux/arm64' }, image)).toMatchObject({ code: 0 })
    expect(calls()[0]).toMatch(/^docker buildx build --platform linux\/amd64,linux\/arm64 --push .* \.$/)
    expect(calls().filter((call) => call.startsWith('docker push'))).toEqual([])
    expect(applied()).toContain('- ../overlays/production\n')
  })

  test('makes room for the job that does not change', async () => {
    stub('docker')
    stub('kubectl', KUBECTL)
    await deploy({ OVERLAY: 'keda', IMAGE_TAG: '7' }, 'localhost:5000/millrace:7')
    expect(calls().slice(-2)).toEqual([
      'kubectl -n redis-stream-demo delete job create-groups --ignore-not-found',
      expect.stringContaining('kubectl apply -k') as string,
    ])
  })

  test('tags by version and commit where nothing is said, so that each commit is pulled anew', async () => {
    const { code, stdout } = await run('deploy', ['--dry-run'])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /--tag localhost:5000\/millrace:\d+\.\d+\.\d+-(?:[0-9a-f]{12}|unknown)(?:-\d{14})? \.\n/,
    )
    expect(stdout).toContain(
      '# deploy/kubernetes/overlays/development with the image localhost:5000/millrace:',
    )
    expect(calls()).toEqual([])
  })

  test('stops at the first failure, before anything is applied', async () => {
    stub('kubectl', KUBECTL)
    expect(await deploy({}, '')).toMatchObject({
      code: 1,
      stderr: 'deploy: there is no docker on the PATH; install it\n',
    })
    stub('docker', 'case "$1" in push) exit 9 ;; esac')
    expect(await deploy({ IMAGE_TAG: '7' }, '')).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('is there a registry at localhost:5000') as string,
    })
    stub('docker')
    const other = await deploy({ IMAGE_TAG: '7' }, 'somebody/else:1')
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('runs the image millrace') as string,
    })
    expect(calls().filter((call) => call.startsWith('kubectl apply'))).toEqual([])
    expect(readdirSync(OVERLAYS).filter((name) => name.startsWith('.deploy'))).toEqual([])
  })

  test('knows its overlays', async () => {
    const { code, stderr } = await run('deploy', [], { OVERLAY: 'nowhere' })
    expect(code).toBe(2)
    expect(stderr).toContain('there is no overlay nowhere; OVERLAY is one of: development')
  })

  const kubectl = onPath('kubectl')
  test.skipIf(!kubectl)(
    'what it applies runs that image in every container of ours (needs kubectl)',
    async () => {
      stub('docker')
      const rendered = join(bin, 'rendered')
      mkdirSync(join(bin, 'home'))
      stub(
        'kubectl',
        `case "$1" in kustomize) PATH="${process.env['PATH']}" "${kubectl}" kustomize "$2" >"${rendered}"; cat "${rendered}" ;; esac`,
      )
      for (const OVERLAY of readdirSync(join(OVERLAYS, 'overlays'))) {
        const { code, stderr } = await run('deploy', [], {
          OVERLAY,
          IMAGE_REGISTRY: 'registry.example.com',
          IMAGE_TAG: '7',
        })
        expect({ OVERLAY, code, stderr }).toMatchObject({ OVERLAY, code: 0 })
        const images = readFileSync(rendered, 'utf8').match(/image: \S*millrace\S*/g) ?? []
        expect(new Set(images)).toEqual(new Set(['image: registry.example.com/millrace:7']))
      }
    },
  )
})

test.each(['run-local', 'deploy'])(
  'scripts/%s explains itself, and refuses what it does not know',
  async (script) => {
    expect(await run(script, ['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`usage: scripts/${script}`) as string,
    })
    expect(await run(script, ['--wrong'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--wrong') as string,
    })
  },
)

function onPath(name: string): string | undefined {
  try {
    return findOnPath(name, process.env['PATH'])
  } catch {
    return undefined
  }
}
