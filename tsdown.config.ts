import { copyFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { defineConfig, type UserConfig } from 'tsdown'

/** The page of the API documents comes with the package, so that it needs no other server. */
const SWAGGER_UI = ['swagger-ui.css', 'swagger-ui-bundle.js', 'index.css', 'favicon-32x32.png', 'LICENSE']

function copySwaggerUi(): void {
  const from = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const to = join(import.meta.dirname, 'dist/server/assets/swagger-ui')
  mkdirSync(to, { recursive: true })
  for (const file of SWAGGER_UI) copyFileSync(join(from, file), join(to, file))
}

/** What the example reads comes with it, so that it runs without the packages for development. */
function copyWeather(): void {
  const main = createRequire(import.meta.url).resolve('vega-datasets')
  copyFileSync(
    join(main, '../../data/weather.csv'),
    join(import.meta.dirname, 'dist/examples/weather/weather.csv'),
  )
}

const common: UserConfig = {
  platform: 'node',
  target: 'node20',
  format: 'esm',
  fixedExtension: false,
  // The folders stay as they are: stack traces read well, and files find each other by their place.
  unbundle: true,
}

export default defineConfig([
  {
    ...common,
    entry: [
      'src/index.ts',
      'src/middleware/index.ts',
      'src/postgres/index.ts',
      'src/connectors/index.ts',
      'src/rpc/index.ts',
      'src/security/index.ts',
      'src/testing/index.ts',
      'src/cli/main.ts',
    ],
    dts: true,
    hooks: { 'build:done': copySwaggerUi },
  },
  {
    // The app that `npm start` runs; not published. It uses the package as anybody's app would.
    ...common,
    entry: ['examples/app.ts'],
    outDir: 'dist/examples',
    dts: false,
    clean: false,
    deps: { neverBundle: [/^millrace/] },
    hooks: { 'build:done': copyWeather },
  },
])
