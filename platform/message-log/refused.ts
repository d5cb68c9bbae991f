/** What is asked of a message log is refused, and would be again: a message that is too large, a name that is none. */
export class Refused extends Error {}
