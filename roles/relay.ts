import { aborted } from '../platform/pause.ts'
import { dispatchLane } from '../services/dispatch.ts'
import { eventsLane } from '../services/integration-events/lane.ts'
import { startRelay } from '../services/relay.ts'
import { createTriggerCommands } from '../services/trigger-commands/trigger-commands.ts'
import { startWatchdog } from '../services/watchdog.ts'
import type { Ground, Stops } from './ground.ts'

/** The role `relay`: publishes what asks for work and looks after the runs under way. Of its processes one does so at a time. */
export function startRelayRole(ground: Ground, stops: Stops): void {
  const { config, store, messages, db, models, leases, folds, handle, blobs, clock, secrets, log } = ground
  const deadline = config.runDeadline
  const commands = createTriggerCommands({ db, cipher: secrets })
  const work = dispatchLane({ store, messages, models, leases })
  const relay = startRelay({
    store,
    messages,
    db,
    // In memory nobody from outside could read what is told to outsiders.
    lanes: messages.durable ? [work, eventsLane({ commands })] : [work],
    log,
    async whileLeading(signal) {
      const watchdog = startWatchdog({ models, leases, messages, folds, handle, blobs, clock, deadline, log })
      await aborted(signal)
      await watchdog.stop()
    },
  })
  stops.push(() => relay.stop())
}
