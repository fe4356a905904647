import { FIRST_POSITION } from '../../core/position.ts'
import type { Claim, Outcome, Produced } from '../../core/stream-log.ts'
import { acknowledge, numbered, type Cases, type Scene } from './scene.ts'

const produce = ({ position }: Claim, produce: readonly Produced[]): Outcome => ({
  kind: 'acknowledge',
  position,
  produce,
})

/** Streams that live beside the scene's own. */
const beside = (scene: Scene, name: string) => `{${scene.stream}}:${name}`

async function fieldsOf(scene: Scene, stream: string): Promise<(readonly string[])[]> {
  return (await scene.log.read(stream, FIRST_POSITION, 1_000)).map(({ fields }) => fields)
}

export const produceCases: Cases = {
  'what an entry produces is written with its acknowledgement': async (scene) => {
    await scene.append(numbered(3))
    const consumer = await scene.join()
    const claims = await scene.claimCount(consumer, 3)
    const [one, two] = [beside(scene, 'one'), beside(scene, 'two')]
    const odd = ['__proto__', 'ünï \u0000', '', '', 'a', '1', 'a', '2']
    const lost = await consumer.settle([
      produce(claims[0]!, [
        { stream: one, fields: odd },
        { stream: two, fields: ['n', '1'] },
        { stream: one, fields: ['n', '2'] },
      ]),
      produce(claims[1]!, [{ stream: one, fields: ['n', '3'] }]),
      ...acknowledge([claims[2]!]),
    ])
    scene.expect(lost).toEqual([])
    scene.expect(await fieldsOf(scene, one)).toEqual([odd, ['n', '2'], ['n', '3']])
    scene.expect(await fieldsOf(scene, two)).toEqual([['n', '1']])
    scene.expect(await consumer.settle(acknowledge(claims))).toEqual(claims.map(({ position }) => position))
  },

  'what is settled twice produces once': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join()
    const [claim] = await scene.claimCount(consumer, 1)
    const outcome = produce(claim!, [{ stream: beside(scene, 'out'), fields: ['n', '1'] }])
    scene.expect(await consumer.settle([outcome])).toEqual([])
    scene.expect(await consumer.settle([outcome])).toEqual([claim!.position])
    scene.expect((await fieldsOf(scene, beside(scene, 'out'))).length).toBe(1)
  },

  'who lost an entry produces nothing': async (scene) => {
    await scene.append(numbered(1))
    const former = await scene.join({ deadAfterMs: 300 })
    const [claim] = await scene.claimCount(former, 1)
    const heir = await scene.join({ deadAfterMs: 300 })
    scene.keepAlive(heir, 50)
    await scene.claimCount(heir, 1)
    const out = beside(scene, 'out')
    scene
      .expect(await former.settle([produce(claim!, [{ stream: out, fields: ['n', '1'] }])]))
      .toEqual([claim!.position])
    scene.expect(await scene.codeOf(() => scene.log.lastPosition(out))).toBe('UNKNOWN_STREAM')
  },

  'the identity is remembered in the same step': async (scene) => {
    await scene.append(numbered(2))
    const consumer = await scene.join()
    const claims = await scene.claimCount(consumer, 2)
    const [first, second] = claims.map(({ position }) => ({ position, identity: 'same' }))
    scene.expect(await consumer.reserve([first!, second!], 60_000)).toEqual(['run', 'wait'])
    const outcome = produce(claims[0]!, [{ stream: beside(scene, 'out'), fields: ['n', '1'] }])
    await consumer.settle([{ ...outcome, identity: 'same' } as Outcome])
    scene.expect(await consumer.reserve([second!], 60_000)).toEqual(['duplicate'])
  },

  'entries may produce into the stream that they come from': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join()
    const [claim] = await scene.claimCount(consumer, 1)
    await consumer.settle([produce(claim!, [{ stream: scene.stream, fields: ['number', '1'] }])])
    scene.expect((await scene.claimCount(consumer, 1))[0]?.fields).toEqual(['number', '1'])
  },
}
