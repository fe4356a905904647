import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { History } from '../torture/checker/history.ts'
import type { Target } from '../torture/destroy.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'torture-history-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** What the groups of a lane lost by a fault that found one entry pending to `early`, which `late` had not read. */
function lossesBy(target: Target) {
  const groups = {
    early: { pending: ['1-0 a', '2-0 b'], unread: ['3-0 c'], low: '', delivered: '2-0' },
    late: { pending: [], unread: ['1-0 a', '2-0 b', '3-0 c'], low: '', delivered: '' },
  }
  const state = { last: '3-0', groups, letters: [], effects: [], trimmed: ['1-0 a'] }
  const note = JSON.stringify({ destroyed: { target, streams: { late: state } } })
  writeFileSync(join(folder, 'faults.tsv'), `begin\t1\t1\tfault\t{}\nend\t2\t1\tfault\t${note}\n`)
  const history = new History(folder)
  const positions = (group: string) =>
    [...history.lossesOf('late', group).keys()].filter((mark) => mark.includes(' '))
  return { early: positions('early'), late: positions('late') }
}

describe('what the checker excuses', () => {
  it('is all that was not done, where the stream was deleted', () => {
    const all = ['1-0 a', '2-0 b', '3-0 c']
    expect(lossesBy({ what: 'stream', lane: 'late' })).toEqual({ early: all, late: all })
  })

  it('is, of entries that were deleted, what a group had not read; what was pending has to leave a tombstone', () => {
    expect(lossesBy({ what: 'pending', lane: 'late' })).toEqual({ early: [], late: ['1-0 a'] })
  })

  it('is nothing, where only the group went', () => {
    expect(lossesBy({ what: 'group', lane: 'late', group: 'early' })).toEqual({ early: [], late: [] })
  })
})
