#!/usr/bin/env node
// @ts-check
// The section of CHANGELOG.md for a tag, as the notes of its release: `node scripts/release-notes.mjs v1.2.3`. Fails, with
// every reason at once, where the tag, package.json, package-lock.json and the changelog don't agree.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @param {string} tag
 * @param {string} root the folder of the checkout
 * @returns {{ notes: string, mistakes: string[] }}
 */
export function releaseNotes(tag, root) {
  const version = /^v(\d+\.\d+\.\d+)$/.exec(tag)?.[1]
  if (!version) return { notes: '', mistakes: [`"${tag}" is no tag of a release; wanted: such as v1.2.3`] }
  const mistakes = ['package.json', 'package-lock.json'].flatMap((file) => {
    const own = JSON.parse(readFileSync(join(root, file), 'utf8')).version
    return own === version ? [] : [`${file} has the version ${own}; wanted: ${version}`]
  })
  const notes = sectionOf(version, readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))
  const wanted = `CHANGELOG.md has no section "## ${version} - YYYY-MM-DD" with something in it`
  return { notes: notes ?? '', mistakes: notes ? mistakes : [...mistakes, wanted] }
}

/**
 * @param {string} version
 * @param {string} changelog
 */
function sectionOf(version, changelog) {
  const sections = changelog.split(/^## /m).map((section) => section.split(/\n([\s\S]*)/))
  const heading = new RegExp(`^${version.replaceAll('.', '\\.')} - \\d{4}-\\d\\d-\\d\\d$`)
  return sections.find(([title = '']) => heading.test(title))?.[1]?.trim()
}

if (process.argv[1] === import.meta.filename) {
  const { notes, mistakes } = releaseNotes(process.argv[2] ?? '', join(import.meta.dirname, '..'))
  for (const mistake of mistakes) console.error(mistake)
  if (mistakes.length > 0) process.exitCode = 1
  else console.log(notes)
}
