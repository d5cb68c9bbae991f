import { connect, type Send } from '../client.ts'
import type { Bench } from '../measurement.ts'
import type { PlatformProcess } from '../platform.ts'
import { PATH, PYTHON_SCRIPT, SENT, titleOf, type Wanted } from './workload.ts'

/** Scenes on a platform, against one target. */
export type Scenes = Readonly<{
  /** Makes a scene of so many cases, each a case of its own, and answers its id. */
  make(wanted: Wanted): Promise<number>
  /** Runs it to its end: every result is stored then. Throws when a case did not succeed. */
  run(scene: number): Promise<void>
  /** Asks for a run and does not wait for it. */
  start(scene: number): Promise<void>
  /** Makes a task of these scenes. */
  makeTask(scenes: readonly number[]): Promise<number>
  /** Runs it to its end, so many scenes at a time. Throws when a case did not succeed. */
  runTask(task: number, concurrency: number): Promise<void>
}>

/** Cases that are made at the same time. */
const AT_ONCE = 16

export async function scenesOn(bench: Bench, platform: PlatformProcess, target: string): Promise<Scenes> {
  const send = connect(bench, platform.url, AT_ONCE, platform.token)
  const project = await create(send, '/api/testPro/projects/', { name: '商城', leader: 'torin' })
  const env = await create(send, '/api/testPro/envs/', { name: '本地', host: target, project })
  const owner = { name: '注册', url: PATH, method: 'post', type: '1', project }
  const called = await create(send, '/api/TestInterFace/interfaces/', owner)

  function newCase(nth: number, scripts: boolean): Promise<number> {
    return create(send, '/api/TestInterFace/cases/', {
      title: titleOf(nth),
      interface: called,
      headers: {},
      request: { json: SENT },
      file: [],
      setup_script: '',
      teardown_script: scripts ? PYTHON_SCRIPT : '',
    })
  }

  async function ran(path: string, wanted: object): Promise<void> {
    const { all, success, state } = await send('POST', path, 200, { env, ...wanted })
    if (state !== 'success') throw new Error(`of ${String(all)} cases ${String(success)} have succeeded`)
  }

  return {
    async make({ cases, scripts }) {
      const scene = await create(send, '/api/testFlow/scenes/', { name: `${cases} 条用例`, project })
      for (let first = 0; first < cases; first += AT_ONCE) {
        const some = Array.from({ length: Math.min(AT_ONCE, cases - first) }, (_, nth) => first + nth)
        const made = await Promise.all(some.map((nth) => newCase(nth, scripts)))
        const steps = made.map((icase, nth) => ({ icase, scene, sort: first + nth }))
        await Promise.all(steps.map((step) => create(send, '/api/testFlow/icases/', step)))
      }
      return scene
    },

    run: (scene) => ran('/api/testFlow/scenes/run/', { scene }),
    makeTask: (scenes) => create(send, '/api/testTask/tasks/', { name: '回归测试', project, scenes }),
    runTask: (task, concurrency) => ran('/api/testTask/tasks/run/', { task, concurrency }),

    async start(scene) {
      await send('POST', '/api/testFlow/scenes/run/?wait=false', 202, { env, scene })
    },
  }
}

async function create(send: Send, path: string, body: object): Promise<number> {
  return Number((await send('POST', path, 201, body))['id'])
}
