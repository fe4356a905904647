import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { fakeServer, json } from './fake-ports.ts'

interface Root {
  name: string
  version: string
  links: Record<string, string>
}
interface Operation {
  summary: string
  parameters?: { name: string; in: string; schema: object }[]
  requestBody?: { required: boolean; content: Record<string, { schema: object }> }
  responses: Record<string, { description: string }>
}
interface Description {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

const describeApi = async () => json<Description>(await fakeServer().ask('/openapi.json'))

describe('/openapi.json', () => {
  it('has every route of the API', async () => {
    const { paths } = await describeApi()
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const routes = fakeServer()
      .app.routes.filter(({ method, path }) => method !== 'ALL' && !/^\/(api-docs|swagger)/.test(path))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
    expect(routes).toContain('POST /api/events/custom')
    expect(described.toSorted()).toEqual([...new Set(routes)].toSorted())
  })

  it('is whole: a version, answers everywhere, and no reference that leads nowhere', async () => {
    const description = await describeApi()
    expect(description.openapi).toBe('3.1.0')
    expect(description.info).toMatchObject({ title: 'Millrace', version: '1.2.3' })
    for (const operation of Object.values(description.paths).flatMap((path) => Object.values(path))) {
      expect(operation.summary).not.toBe('')
      expect(Object.keys(operation.responses)).toContain('default')
      for (const { description } of Object.values(operation.responses)) expect(description).not.toBe('')
    }
    const references = [...JSON.stringify(description).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
    expect(references.length).toBeGreaterThan(0)
    for (const [, name] of references) expect(description.components.schemas).toHaveProperty(name!)
  })

  it('says what requests take', async () => {
    const { paths, components } = await describeApi()
    expect(components.schemas['Event']).toMatchObject({ required: ['streamName', 'eventType', 'payload'] })
    const custom = paths['/api/events/custom']!['post']!
    expect(custom.requestBody).toMatchObject({ required: true, content: { 'application/json': {} } })
    expect(custom.parameters).toMatchObject([{ name: 'Idempotency-Key', in: 'header' }])
    const { parameters = [] } = paths['/api/events/processed']!['get']!
    expect(parameters.map(({ name }) => name)).toEqual(['limit', 'offset', 'eventType', 'processed'])
    expect(parameters[0]!.schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 5000, default: 50 })
  })
})

describe('/api-docs', () => {
  it('is a page with nothing inline, whose every file is ours and of the right type', async () => {
    const { ask } = fakeServer()
    const response = await ask('/api-docs')
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    const policy = response.headers.get('content-security-policy')
    expect(policy).toContain("script-src 'self';")
    expect(policy).not.toMatch(/unsafe|https?:/)
    const page = await response.text()
    expect(page).not.toMatch(/<script>|<style|style=|https?:/)
    const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!)
    expect(files).toHaveLength(5)
    const types: Record<string, string> = { js: 'text/javascript', css: 'text/css', png: 'image/png' }
    for (const file of files) {
      const answer = await ask(`/${file}`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toContain(types[file.split('.').at(-1)!])
    }
  })

  it('serves the files of Swagger UI byte by byte', async () => {
    const path = createRequire(import.meta.url).resolve('swagger-ui-dist/swagger-ui-bundle.js')
    const answer = await fakeServer().ask('/api-docs/swagger-ui-bundle.js')
    expect(Buffer.from(await answer.arrayBuffer()).equals(readFileSync(path))).toBe(true)
  })

  it('starts with our own description and asks no validator', async () => {
    const script = await (await fakeServer().ask('/api-docs/start.js')).text()
    expect(script).toContain("url: 'openapi.json'")
    expect(script).toContain('validatorUrl: null')
  })

  it.each(['/swagger', '/api-docs/'])('%s leads to it', async (path) => {
    const { status, headers } = await fakeServer().ask(path)
    expect([status, headers.get('location')]).toEqual([302, '/api-docs'])
  })

  it('is linked from /', async () => {
    const { ask } = fakeServer()
    const { name, version, links } = await json<Root>(await ask('/'))
    expect([name, version]).toEqual(['orders', '1.2.3'])
    for (const link of Object.values(links)) expect((await ask(link)).status).toBe(200)
  })
})
