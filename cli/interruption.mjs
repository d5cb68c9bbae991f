/** npm passes on a Ctrl-C that the terminal has sent to its child as well: within this time both are one. In milliseconds. */
const ECHO = 500

/** Milliseconds in which a run has to be cancelled. CI systems kill a build that was aborted after 7 seconds and more. */
const GRACE = 10_000

/**
 * Ctrl-C and SIGTERM. `asked` is aborted by the first, `over` when the time to tidy up is over; a second one leaves at once.
 *
 * @typedef {Readonly<{ asked: AbortSignal, over: AbortSignal }>} Interruption
 *
 * @param {Readonly<{ leave: () => void }>} options what a second one does
 * @returns {Interruption}
 */
export function listenForInterruption({ leave }) {
  const asked = new AbortController()
  const over = new AbortController()
  let first = 0
  const heard = () => {
    if (asked.signal.aborted) {
      if (performance.now() - first > ECHO) leave()
      return
    }
    first = performance.now()
    asked.abort()
    setTimeout(() => over.abort(), GRACE).unref()
  }
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, heard)
  return { asked: asked.signal, over: over.signal }
}
