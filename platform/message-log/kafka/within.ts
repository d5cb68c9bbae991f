/** There was no answer in the time that was given. */
export class Late extends Error {
  constructor() {
    super('it did not answer in time')
  }
}

/** What the promise gives, or `Late` after so many milliseconds. It goes on, and what it comes to later is nobody's. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Late()), milliseconds)
  promise.catch(() => {})
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
