import { expect, test } from 'vitest'
import { useCluster } from '../../../test/support/use-cluster.ts'
import { useOnce } from '../../../test/support/use.ts'
import { openConnection } from '../connections/servers.ts'
import { COPY_FIELDS, groupKeys, inletKey } from '../keys.ts'
import { RedisActionRecords } from '../operations/action-record.ts'
import { RedisGroupControl } from '../operations/group-control.ts'
import { RedisGroupLifecycle } from '../operations/group-lifecycle.ts'
import { RedisHolds } from '../retention/holds.ts'
import { RedisGroupMembers } from './members.ts'
import { ada, foreignGroup, pendingOf } from './members-lab.ts'

const cluster = useCluster({ masters: 2, replicasPerMaster: 0 })
const admin = useOnce(
  () => openConnection({ cluster: { nodes: cluster.nodes } }, 'test-admin'),
  (connection) => connection.close(),
)

test.each(['orders', '{shop}orders', 'a{b}c', 'a}b', '}{', '{}', 'ünï{', '~retry'])(
  'all keys of a deed are in the slot of the stream %j',
  async (stream) => {
    const members = new RedisGroupMembers(admin)
    const lifecycle = new RedisGroupLifecycle(admin)
    const control = new RedisGroupControl(admin)
    const holds = new RedisHolds(admin)
    const ids = await foreignGroup(admin, stream, 4)
    const options = { ...ada, minIdleMs: 0 }
    const group = [stream, 'group'] as const
    await admin.send(['XGROUP', 'CREATECONSUMER', stream, 'group', 'other'])
    await admin.send(['HSET', groupKeys(stream, 'group').state, 'low', '0-0'])
    const inlet = inletKey(stream, 'group')
    await admin.send([
      'XADD',
      inlet,
      '1-1',
      'n',
      '1',
      COPY_FIELDS.position,
      '1-1',
      COPY_FIELDS.cause,
      'replay',
    ])
    await admin.send(['XGROUP', 'CREATE', inlet, 'group', '0'])
    await admin.send(['XREADGROUP', 'GROUP', 'group', 'other', 'STREAMS', inlet, '>'])

    expect(await members.claim(...group, { positions: [ids[0]!] }, 'other', options)).toMatchObject({
      done: 1,
    })
    expect(await members.release(...group, { consumer: 'other' }, options)).toMatchObject({ done: 2 })
    const { entries } = await members.pending(...group)
    expect(entries.map(({ consumer }) => consumer)).toEqual(['~retry', 'theirs', 'theirs', 'theirs'])
    expect(await members.acknowledge(...group, { positions: [...ids, 'inlet/1-1'] }, options)).toMatchObject({
      done: 5,
    })
    expect(await pendingOf(admin, stream)).toEqual([])
    expect(await members.remove(...group, 'other', options)).toBe(true)
    expect(await members.consumers(...group)).toMatchObject([{ name: 'theirs' }, { name: '~retry' }])
    await control.pause(...group, ada)
    await control.resume(...group, ada)
    await holds.set(stream, 'h', '0-0', {}, ada)
    await holds.release(stream, 'h', ada)
    expect(await lifecycle.delete(...group, { ...ada, force: true })).toMatchObject({ pending: 0 })
    expect(await lifecycle.create(...group, ada)).toBe(true)
    const { records } = await new RedisActionRecords(admin).actions(stream)
    expect(records.map((record) => record.stream)).toEqual(Array.from({ length: 12 }, () => stream))
    expect(records.map(({ action }) => action)).toEqual([
      'create-group',
      'delete-group',
      'release-hold',
      'hold',
      'resume',
      'pause',
      'remove-consumer',
      // One step in the stream, and one among the copies.
      'acknowledge',
      'acknowledge',
      'release',
      'release',
      'claim',
    ])
  },
)
