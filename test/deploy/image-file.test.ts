import { describe, expect, test } from 'vitest'
import { parseDockerfile } from '../support/dockerfile.ts'
import { contextFilter } from '../support/dockerfile-ignore.ts'
import { readInRoot, sends } from '../support/dockerfile-lab.ts'

const stages = parseDockerfile(readInRoot('Dockerfile'))

describe('the Dockerfile', () => {
  const final = stages.at(-1)!

  test('begins with images of a version, and ends with the one that has no shell', () => {
    const names = new Set(stages.map(({ name }) => name))
    const images = stages.map(({ from }) => from).filter((from) => !names.has(from))
    expect(images).toEqual([
      expect.stringMatching(/^node:24\.\d+\.\d+-[\w-]+$/) as string,
      'gcr.io/distroless/nodejs24-debian13:nonroot',
    ])
    expect(final.steps.filter(({ kind }) => kind === 'run')).toEqual([])
    expect(readInRoot('Dockerfile.dev')).toContain(`FROM ${images[0]}\n`)
  })

  test('says nothing of one machine alone', () => {
    expect(readInRoot('Dockerfile')).not.toMatch(/x86|x64|aarch|linux\/|TARGETARCH/)
  })

  test('installs before it copies what changes more often', () => {
    for (const { steps } of stages.filter(({ name }) => name === 'build' || name === 'dependencies')) {
      expect(steps[0]).toMatchObject({ kind: 'run', command: expect.stringContaining('npm ci') as string })
    }
  })

  test('is refused by its interpreter where it says what that does not know', () => {
    expect(() => parseDockerfile('FROM a\nONBUILD RUN ls')).toThrow('ONBUILD RUN ls')
    expect(() => parseDockerfile('FROM a\nRUN --network=none ls')).toThrow('--network')
    expect(() => parseDockerfile('FROM a\nCMD node serve')).toThrow('node serve')
    expect(() => parseDockerfile('FROM a\nCOPY *.json ./')).toThrow('*.json')
    expect(() => contextFilter('a[bc]')).toThrow('a[bc]')
  })
})

describe('.dockerignore', () => {
  test.each([
    '.env',
    '.git/config',
    'node_modules/pg/package.json',
    'dist/index.js',
    'coverage/tests.json',
    '.npmrc',
  ])('%s stays at home', (path) => expect(sends(path)).toBe(false))
  test('so do tests, wherever they are', () => {
    expect(sends('src/config/config.test.ts')).toBe(false)
    expect(sends('src/config/config.ts')).toBe(true)
    expect(sends('deploy/image/health.mjs')).toBe(true)
    expect(sends('deploy/compose/production.yml')).toBe(false)
  })
})
