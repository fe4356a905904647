import { consumer } from '../../examples/users/consumer.ts'
import { routes } from '../../examples/users/routes.ts'
import { migrations } from '../../examples/users/user-table.ts'
import { users } from '../../examples/users/user.ts'
import { defineApp, handleOnce } from '../../src/app/app.ts'

/** Counts users in a table, each once. */
const counter = handleOnce(
  users,
  { group: 'counter', deadAfterMs: 2_000 },
  {
    'user.created': async ({ event }, tx) => {
      await tx.query('INSERT INTO counted (user_id, event_id) VALUES ($1, $2)', [event.data.userId, event.id])
    },
  },
)

/** The users of the reference app, and a group with effects to count. */
export default defineApp({
  streams: [users],
  migrations: [
    ...migrations,
    { name: '002-counted', sql: 'CREATE TABLE counted (user_id uuid, event_id text)' },
  ],
  routes,
  handlers: [counter, consumer],
})
