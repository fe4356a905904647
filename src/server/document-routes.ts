import { z } from '@hono/zod-openapi'
import { addEndpoint, CREDENTIALS, type ServerApp } from './endpoint.ts'
import { HttpError } from './http-error.ts'
import type { ServerPorts } from './ports.ts'
import { readSwaggerFile, SWAGGER_FILES } from './swagger-files.ts'

/** The API's description, and a page to read it and try it out, from files of our own: no other host is asked. */
export function addDocumentRoutes(app: ServerApp, ports: ServerPorts): void {
  addDescription(app, ports)
  addPage(app)
  addFiles(app)
}

function addDescription(app: ServerApp, { service: { version } }: ServerPorts): void {
  const endpoint = {
    method: 'get',
    path: '/openapi.json',
    tag: 'Documents',
    summary: 'This description',
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
  } as const
  for (const [name, credential] of Object.entries(CREDENTIALS))
    app.openAPIRegistry.registerComponent('securitySchemes', name, credential)
  let description: string | undefined
  addEndpoint(app, endpoint, (c) => {
    // Made when first asked for: all routes are known then, and the start need not wait for it.
    description ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: 'Millrace', version, description: 'Publish events, and see what became of them.' },
        servers: [{ url: '/' }],
      }),
    )
    return c.body(description, 200, { 'content-type': 'application/json' })
  })
}

/** No script or style stands in the page itself, so that the policy can refuse all that do. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Millrace API</title>
    <link rel="icon" href="api-docs/favicon-32x32.png">
    <link rel="stylesheet" href="api-docs/swagger-ui.css">
    <link rel="stylesheet" href="api-docs/index.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="api-docs/swagger-ui-bundle.js"></script>
    <script src="api-docs/start.js"></script>
  </body>
</html>
`

/** Without a validator: the default one is a service on the internet. */
const START = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null })
`

function addPage(app: ServerApp): void {
  app.get('/api-docs', (c) => c.html(PAGE, 200, { 'content-security-policy': POLICY }))
  app.get('/api-docs/start.js', (c) =>
    c.body(START, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  )
  for (const path of ['/swagger', '/api-docs/']) app.get(path, (c) => c.redirect('/api-docs'))
}

function addFiles(app: ServerApp): void {
  for (const [name, type] of Object.entries(SWAGGER_FILES)) {
    app.get(`/api-docs/${name}`, async (c) => {
      const file = await readSwaggerFile(name)
      if (!file) throw new HttpError('NOT_FOUND', 'the files of the documentation are not installed')
      return c.body(file, 200, { 'content-type': type, 'cache-control': 'public, max-age=3600' })
    })
  }
}
