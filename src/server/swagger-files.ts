import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What the page needs of Swagger UI, and what each file is. */
export const SWAGGER_FILES: Readonly<Record<string, string>> = {
  'favicon-32x32.png': 'image/png',
  'index.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
}

/** Undefined where the file is neither beside the built program nor in the package that it is copied from. */
export async function readSwaggerFile(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  for (const folder of folders()) {
    try {
      return await readFile(join(folder, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return undefined
}

/** The build copies the files to `assets/swagger-ui` beside what it makes of this one. */
function* folders(): Generator<string> {
  yield fileURLToPath(new URL('assets/swagger-ui', import.meta.url))
  try {
    yield dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  } catch {
    // Only there in development.
  }
}
