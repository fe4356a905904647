import type { CursorLease, Cursors } from '../../src/core/source.ts'

/** The same cursors, with another lease for whoever acquires one. */
export const altered = (cursors: Cursors, alter: (lease: CursorLease) => Partial<CursorLease>): Cursors => ({
  async acquire(...request) {
    const lease = await cursors.acquire(...request)
    return { ...lease, ...alter(lease) }
  },
})

/** The same cursors, where something happens before one is saved. */
export const beforeSave = (cursors: Cursors, happen: () => void): Cursors =>
  altered(cursors, (lease) => ({
    async save(cursor) {
      happen()
      return lease.save(cursor)
    },
  }))
