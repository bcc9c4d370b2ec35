// What belongs to the person and not to the link (theme, language, keys), kept in the browser if it allows.

/** What was remembered under a name, if anything. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`farol.${name}`);
  } catch {
    return null;
  }
}

/** Remembers a word under a name. */
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`farol.${name}`, value);
  } catch {
    // Storage is forbidden or full: the choice lasts for this page only.
  }
}
