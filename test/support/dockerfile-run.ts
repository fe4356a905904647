import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BuiltImage } from './dockerfile-build.ts'
import { until } from './until.ts'

/** The user of the image; whoever is not root already runs as nobody special. */
export const IMAGE_USER = process.getuid?.() === 0 ? { uid: 65_532, gid: 65_532 } : {}

/** As a read-only root file system: also the volumes, which need not be mounted. */
export const freeze = ({ root }: BuiltImage): void => void execFileSync('chmod', ['-R', 'a-w', root])
export const thaw = ({ root }: BuiltImage): void => void execFileSync('chmod', ['-R', 'u+w', root])

/** A program of an image that was built here: where it names an absolute path, that of the image is meant. */
export class ImageProcess {
  readonly lines: string[] = []
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly #child: ChildProcess

  /** @param env beside that of the image, and over it; nothing else is handed on */
  constructor(image: BuiltImage, command: readonly string[], env: NodeJS.ProcessEnv) {
    const inside = (path: string): string => (isInside(image, path) ? join(image.root, path) : path)
    const own = Object.entries(image.env).map(([name, value]) => [name, inside(value)])
    const [file = '', ...args] = command.map(inside)
    this.#child = spawn(file, args, {
      cwd: inside(image.workdir),
      env: { ...Object.fromEntries(own), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it starts can be ended with it.
      detached: true,
      ...IMAGE_USER,
    })
    for (const output of [this.#child.stdout!, this.#child.stderr!])
      createInterface({ input: output }).on('line', (line) => void this.lines.push(line))
    this.ended = once(this.#child, 'close').then(([code, signal]) => (code ?? signal) as number)
  }

  get output(): string {
    return this.lines.join('\n')
  }

  /** As an engine tells the first process of a container. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** All of it, whatever state it is in. */
  async end(): Promise<void> {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    await this.ended
  }

  /** Waits for a line that it prints, so many times. */
  async untilSays(text: string, times = 1, patienceMs = 30_000): Promise<void> {
    const said = () => this.lines.filter((line) => line.includes(text)).length >= times
    const over = () => this.#child.exitCode !== null || this.#child.signalCode !== null
    await until(`"${text}"`, () => said() || over(), patienceMs).catch(() => {})
    if (!said()) throw new Error(`it did not say "${text}" but:\n${this.output}`)
  }
}

/** Whether it begins with a folder of the image; other words with a slash in front are no paths. */
const isInside = ({ root }: BuiltImage, path: string): boolean =>
  path.startsWith('/') && existsSync(join(root, path.split('/')[1]!))

/** Runs one to its end. */
export async function runInImage(
  image: BuiltImage,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | NodeJS.Signals; output: string }> {
  const process = new ImageProcess(image, command, env)
  const code = await process.ended
  return { code, output: process.output }
}
