// The way back: photos looked at in this tab, newest last.

const KEY = "trail";
const read = () => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
const write = (trail) => sessionStorage.setItem(KEY, JSON.stringify(trail.slice(-200)));

/** Note that this photo is being looked at. */
export function visit(address) {
  const trail = read();
  if (trail.at(-1) !== address) write([...trail, address]);
}

/** Return the photo that was looked at last, or null. */
export const newest = () => read().at(-1) ?? null;

/** Return where the person was before, or null; that photo is then the newest again. */
export function before(address) {
  const trail = read();
  if (trail.at(-1) === address) trail.pop();
  const target = trail.at(-1) ?? null;
  write(trail);
  return target;
}
