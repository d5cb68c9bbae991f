/** npm passes on a Ctrl-C that the terminal has sent to its child as well: within this time both are one. In milliseconds. */
const ECHO = 500

/** Milliseconds in which a run has to be cancelled. CI systems kill a build that was aborted after 7 seconds and more. */
const GRACE = 10_000

/** Milliseconds between two looks at whether npm is still there. */
const LOOK = 500

/**
 * Ctrl-C and SIGTERM. `asked` is aborted by the first, `over` when the time to tidy up is over; a second one leaves at once.
 * `left` is how many milliseconds there are until `over`.
 *
 * @typedef {Readonly<{ asked: AbortSignal, over: AbortSignal, left: () => number }>} Interruption
 *
 * @param {Readonly<{ leave: () => void, underNpm: boolean }>} options `leave` is what a second one does
 * @returns {Interruption}
 */
export function listenForInterruption({ leave, underNpm }) {
  const asked = new AbortController()
  const over = new AbortController()
  let first = 0
  const ask = () => {
    if (asked.signal.aborted) return
    first = performance.now()
    asked.abort()
    setTimeout(() => over.abort(), GRACE).unref()
  }
  const heard = () => {
    if (asked.signal.aborted && performance.now() - first > ECHO) leave()
    ask()
  }
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, heard)
  if (underNpm) whenOrphaned(ask)
  const left = () => (asked.signal.aborted ? Math.max(0, first + GRACE - performance.now()) : Infinity)
  return { asked: asked.signal, over: over.signal, left }
}

/**
 * npm puts a shell between itself and a command. A SIGTERM for npm alone ends both, and never comes to the command.
 *
 * @param {() => void} then
 */
function whenOrphaned(then) {
  const parent = process.ppid
  const looking = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(looking)
    then()
  }, LOOK)
  looking.unref()
}
