// What an input asks for, in words.

/** The text of an input that says most about it, or nothing. */
export function wordsOf(input) {
  return Object.entries(input ?? {}).find(([name, value]) => typeof value === "string" && /prompt|text/.test(name))?.[1] ?? "";
}
