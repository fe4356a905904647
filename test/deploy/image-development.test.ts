import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '../../src/engines/ports.ts'
import { createTestDatabase } from '../../src/postgres/test-database.ts'
import { useImage, useImageProcesses } from '../support/dockerfile-lab.ts'
import { runInImage, thaw } from '../support/dockerfile-run.ts'
import { usePostgres } from '../support/use-postgres.ts'
import { useRedisServer } from '../support/use-redis.ts'

const redis = useRedisServer()
const postgres = usePostgres()
const built = useImage('Dockerfile.dev')
const start = useImageProcesses()

test('the image for development starts the service again when a source changes', async () => {
  const { image } = built
  expect(image.user).toBe('node')
  const env = {
    PATH: process.env['PATH'],
    TMPDIR: built.temporary,
    SERVICE_PORT: String(await freePort()),
    REDIS_URL: redis.url,
    DATABASE_URL: await createTestDatabase(postgres.url),
  }
  const service = start(image, image.cmd, env)
  await service.untilSays('is ready')
  expect(await runInImage(image, image.healthcheck, env)).toMatchObject({ code: 0 })

  const restarted = () => service.lines.filter((line) => line.includes('is ready')).length > 1
  thaw(image) // the sources are mounted from where somebody edits them
  const app = join(image.root, 'app/examples/app.ts')
  const text = readFileSync(app, 'utf8')
  // Files are watched a moment after they were loaded, and what is saved before is not seen.
  for (let edit = 1; edit <= 5 && !restarted(); edit++) {
    writeFileSync(app, `${text}\n// edited ${edit}\n`)
    await service.untilSays('is ready', 2, 6_000).catch(() => {})
  }
  expect({ restarted: restarted(), output: service.output }).toMatchObject({ restarted: true })
  service.kill('SIGTERM')
  await service.ended
})
