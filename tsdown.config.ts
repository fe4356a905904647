import { copyFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { defineConfig } from 'tsdown'

/** The page of the API documents comes with the package, so that it needs no other server. */
const SWAGGER_UI = ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE']

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'testing/index': 'src/testing/index.ts',
    'cli/main': 'src/cli/main.ts',
  },
  platform: 'node',
  target: 'node20',
  format: 'esm',
  dts: true,
  fixedExtension: false,
  clean: true,
  hooks: {
    'build:done': () => {
      const from = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
      const to = join(import.meta.dirname, 'dist/assets/swagger-ui')
      mkdirSync(to, { recursive: true })
      for (const file of SWAGGER_UI) copyFileSync(join(from, file), join(to, file))
    },
  },
})
