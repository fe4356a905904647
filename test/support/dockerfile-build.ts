import { execFile } from 'node:child_process'
import {
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Stage, Step } from './dockerfile.ts'

const run = promisify(execFile)

/** What an engine would be handed. */
export interface BuildOptions {
  /** The folder that the build is given. */
  context: string
  /** Whether a file of it is sent along, by its path there. */
  sends: (path: string) => boolean
  /** An empty folder: each stage gets one in it. */
  into: string
  /** What commands made before, as an engine keeps it: folders of this machine by the command that made them. */
  kept: Readonly<Record<string, string>>
}

/** What the last stage says about the image, and where its files are. */
export interface BuiltImage {
  /** Stands for `/`. */
  readonly root: string
  readonly workdir: string
  readonly user: string
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly exposed: string
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  readonly healthcheck: readonly string[]
  readonly healthcheckOptions: Readonly<Record<string, string>>
}

/**
 * Carries out the stages of a Dockerfile with the programs of this machine: what its images bring beside Node.js and npm is
 * not there. Commands are run in the folder of their stage, which is not the root for them, so they name no absolute path.
 */
export async function buildImage(stages: readonly Stage[], options: BuildOptions): Promise<BuiltImage> {
  const built = new Map<string, StageBuild>()
  for (const stage of stages) {
    const build = new StageBuild(stage, options, built)
    built.set(stage.name, build)
    for (const step of stage.steps) await build.carryOut(step)
  }
  return [...built.values()].at(-1)!.image
}

type Draft = { -readonly [K in keyof BuiltImage]: BuiltImage[K] }

class StageBuild {
  readonly image: Draft
  readonly #options: BuildOptions
  readonly #others: ReadonlyMap<string, StageBuild>
  readonly #args: Record<string, string> = {}

  constructor(stage: Stage, options: BuildOptions, others: ReadonlyMap<string, StageBuild>) {
    this.#options = options
    this.#others = others
    const before = others.get(stage.from)
    const root = join(options.into, stage.name)
    mkdirSync(root)
    if (before) cpSync(before.image.root, root, { recursive: true, verbatimSymlinks: true })
    this.image = { ...(before?.image ?? NOTHING), root }
  }

  async carryOut(step: Step): Promise<void> {
    switch (step.kind) {
      case 'arg':
        this.#args[step.name] = step.value
        return
      case 'run':
        return this.#run(step.command)
      case 'copy':
        return this.#copy(step)
      case 'set':
        return this.#set(step)
      case 'say':
        return this.#say(step)
      case 'exec':
        this.image[step.word] = step.command
        if (step.word === 'healthcheck') this.image.healthcheckOptions = step.options
    }
  }

  #set({ word, values }: Step & { kind: 'set' }): void {
    const filled = Object.entries(values).map(([name, value]) => [name, this.#fill(value)])
    const field = word === 'env' ? 'env' : 'labels'
    this.image[field] = { ...this.image[field], ...Object.fromEntries(filled) }
  }

  #fill(text: string): string {
    return text.replace(/\$(\w+)/g, (_, name: string) => {
      const value = this.#args[name]
      if (value === undefined) throw new Error(`no ARG of this stage gives $${name}`)
      return value
    })
  }

  #say({ word, value }: Step & { kind: 'say' }): void {
    if (word === 'user') this.image.user = value
    if (word === 'expose') this.image.exposed = value
    if (word !== 'workdir') return
    this.image.workdir = value
    mkdirSync(this.#place(value), { recursive: true })
  }

  async #run(command: string): Promise<void> {
    if (/(?:^|[\s=])\//.test(command)) throw new Error(`a path that is no part of this stage: ${command}`)
    const kept = this.#options.kept[command]
    if (kept) return symlinkSync(kept, this.#place(basename(kept)))
    await run('sh', ['-c', command], { cwd: this.#place('.'), env: buildEnvironment(), maxBuffer: 1 << 26 })
  }

  #copy({ stage, owner, from, to }: Step & { kind: 'copy' }): void {
    const target = this.#place(to)
    const isFolder = to.endsWith('/') || to === '.' || from.length > 1
    for (const name of from) {
      const source = this.#source(stage, name)
      if (!existsSync(source)) throw new Error(`COPY: ${name} is not there, or .dockerignore leaves it out`)
      const place = isFolder && statSync(source).isFile() ? join(target, basename(name)) : target
      mkdirSync(dirname(place), { recursive: true })
      cpSync(source, place, { recursive: true, verbatimSymlinks: true, filter: this.#filter(stage) })
    }
    if (owner) giveTo(owner, target)
  }

  #source(stage: string | undefined, name: string): string {
    if (!stage) {
      const place = resolve(this.#options.context, name)
      const isSent = statSync(place, { throwIfNoEntry: false })?.isDirectory() || this.#options.sends(name)
      return isSent ? place : join(place, 'is not sent')
    }
    const other = this.#others.get(stage)
    if (!other) throw new Error(`COPY --from=${stage}: there is no such stage before this one`)
    return other.#place(name)
  }

  #filter(stage: string | undefined): (path: string) => boolean {
    if (stage) return () => true
    const { context, sends } = this.#options
    return (path) => statSync(path).isDirectory() || sends(relative(context, path))
  }

  #place(path: string): string {
    return join(this.image.root, resolve('/', this.image.workdir, path))
  }
}

const NOTHING: Omit<BuiltImage, 'root'> = {
  workdir: '/',
  user: '0',
  env: {},
  labels: {},
  exposed: '',
  entrypoint: [],
  cmd: [],
  healthcheck: [],
  healthcheckOptions: {},
}

/** As in a container: nothing of the npm that runs the tests, but where packages come from and are kept. */
function buildEnvironment(): NodeJS.ProcessEnv {
  const env = Object.entries(process.env).filter(
    ([name]) =>
      !/^(NODE_(ENV|OPTIONS|V8_COVERAGE)|VITEST|npm_(package|lifecycle|config_(local_)?prefix))/i.test(name),
  )
  return { ...Object.fromEntries(env), npm_config_prefer_offline: 'true' }
}

/** Only root may; for whoever else runs this, all is their own anyway. */
function giveTo(owner: string, place: string): void {
  if (process.getuid?.() !== 0) return
  const [uid = 0, gid = 0] = owner.split(':').map(Number)
  const inside = statSync(place).isDirectory()
    ? readdirSync(place, { recursive: true, encoding: 'utf8' })
    : []
  for (const path of ['', ...inside]) chownSync(join(place, path), uid, gid)
}

/** Puts the Node.js of this machine where that of the last stage's image is. */
export function addNode({ root, healthcheck }: BuiltImage): void {
  const place = join(root, healthcheck[0]!)
  mkdirSync(dirname(place), { recursive: true })
  copyFileSync(process.execPath, place)
}
