import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, vi } from 'vitest'
import { isInstalled } from '../../scripts/setup-install.mjs'
import { parseDockerfile } from './dockerfile.ts'
import { addNode, buildImage, type BuiltImage } from './dockerfile-build.ts'
import { contextFilter } from './dockerfile-ignore.ts'
import { freeze, IMAGE_USER, ImageProcess, thaw } from './dockerfile-run.ts'
import { useOnce } from './use.ts'

const ROOT = join(import.meta.dirname, '../..')

export const readInRoot = (name: string): string => readFileSync(join(ROOT, name), 'utf8')

/** Whether an engine is sent a file of the checkout. */
export const sends = contextFilter(readInRoot('.dockerignore'))

export interface ImageLab {
  /** A folder beside the image, writable for its user, as the `/tmp` of a container. */
  readonly temporary: string
  readonly image: BuiltImage
}

/** For `npm ci` and a build, on a machine that runs other tests meanwhile. */
const PATIENCE_MS = 400_000

/** What installs the packages for development too: this checkout has them, from the same lock file. */
const INSTALL = 'npm ci --ignore-scripts --no-audit --no-fund'
const kept =
  isInstalled(ROOT) && (!IMAGE_USER.uid || isOpen(ROOT)) ? { [INSTALL]: join(ROOT, 'node_modules') } : {}

/** Whether the user of the image gets there. */
function isOpen(folder: string): boolean {
  const above = dirname(folder)
  return (statSync(folder).mode & 0o005) === 0o005 && (above === folder || isOpen(above))
}

/** An image for the tests of a file: its stages are carried out in an empty folder. Nothing in it can be written. */
export function useImage(dockerfile: string): ImageLab {
  vi.setConfig({ hookTimeout: PATIENCE_MS })
  return useOnce(
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-image-'))
      chmodSync(folder, 0o755)
      const stages = parseDockerfile(readInRoot(dockerfile))
      const image = await buildImage(stages, { context: ROOT, sends, into: folder, kept })
      addNode(image)
      freeze(image)
      return { folder, image, temporary: temporaryFolder(folder) }
    },
    async ({ folder, image }) => {
      thaw(image)
      rmSync(folder, { recursive: true })
    },
  )
}

function temporaryFolder(inside: string): string {
  const folder = mkdtempSync(join(inside, 'tmp-'))
  if (IMAGE_USER.uid) chownSync(folder, IMAGE_USER.uid, IMAGE_USER.gid)
  return folder
}

/** Starts programs that end with the test. */
export function useImageProcesses(): (...args: ConstructorParameters<typeof ImageProcess>) => ImageProcess {
  const running: ImageProcess[] = []
  afterEach(async () => {
    for (const process of running.splice(0)) await process.end()
  })
  return (...args) => {
    const process = new ImageProcess(...args)
    running.push(process)
    return process
  }
}
