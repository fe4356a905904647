import { counter, handle } from 'millrace'
import { users } from './user.ts'

export const signUps = counter({ name: 'user_sign_ups_total', help: 'Users who signed up.' })

export const consumer = handle(
  users,
  { group: 'user-processing-group' },
  {
    'user.created': ({ event }, { log }) => {
      signUps.inc()
      log.info({ userId: event.data.userId }, 'A user signed up')
    },
    'user.updated': ({ event: { data } }, { log }) =>
      log.info({ userId: data.userId, fields: Object.keys(data.changes) }, 'A user changed'),
    'user.deleted': ({ event }, { log }) => log.info({ userId: event.data.userId }, 'A user is gone'),
  },
)
