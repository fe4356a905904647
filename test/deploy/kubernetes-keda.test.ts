import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import app from '../../examples/app.ts'
import { kustomize } from '../support/kustomize.ts'
import { ofKind } from '../support/kustomize-manifest.ts'
import { useRedis } from '../support/use-redis.ts'

const ROOT = join(import.meta.dirname, '../..')
const manifests = kustomize(join(ROOT, 'deploy/kubernetes/overlays/keda'))
const { server, admin } = useRedis()

/** What the triggers of a ScaledObject look at, as `stream group`. */
const watched = (name: string): string[] => {
  const { spec } = ofKind(manifests, 'ScaledObject').find(({ metadata }) => metadata.name === name)!
  const groups = spec!.triggers.map(({ metadata }) => metadata as Record<string, string>)
  return [...new Set(groups.map(({ stream, consumerGroup }) => `${stream} ${consumerGroup}`))]
}

const [container] = ofKind(manifests, 'Job')[0]!.spec!.template.spec!.containers
const [, , script] = container!.command!
const names = container!.args!

it('looks at each group of the app that the image runs, and at the requests', () => {
  const consumed = app.handlers.map(({ stream, options }) => `${stream} ${options.group}`)
  const answered = app.rpc.map(({ contract }) => `${contract.stream} ${contract.name}`)
  expect(watched('worker-service').toSorted()).toEqual(consumed.toSorted())
  expect(watched('proxy-service').toSorted()).toEqual(answered.toSorted())
  expect(names.toSorted()).toEqual([...consumed, ...answered].toSorted())
})

it('creates them with what the image starts', async () => {
  const entry = '/app/dist/cli/main.js'
  expect(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).toContain(
    `ENTRYPOINT ["${container!.command![0]}", "${entry}"]`,
  )
  expect(script!.split(`'${entry}'`)).toHaveLength(2)
  const here = script!.replace(
    `'${entry}'`,
    `'--import', 'tsx', ${JSON.stringify(join(ROOT, 'src/cli/main.ts'))}`,
  )
  const create = async (...some: string[]) => {
    const options = { cwd: ROOT, env: { PATH: process.env['PATH'], REDIS_URL: server.url } }
    return (await promisify(execFile)(process.execPath, ['-e', here, ...some], options)).stdout
  }
  const [first, second] = names
  expect(await create(first!, second!)).toMatch(/^created the group .*\ncreated the group .*\n$/)
  for (const [stream, group] of [first!, second!].map((each) => each.split(' '))) {
    expect(await admin.send(['XINFO', 'GROUPS', stream!])).toMatchObject([expect.arrayContaining([group])])
  }
  expect(await create(first!)).toContain('was there already')
})
