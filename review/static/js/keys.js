// Keyboard commands: one place that knows when a key is a command and when it is text.

const bindings = new Map();
let prefix = "";

/** Bind keys (as in KeyboardEvent.key, or two with a space between) to functions. */
export function bind(commands) {
  for (const [key, run] of Object.entries(commands)) bindings.set(key, run);
}

/** Whether keys typed into this element are text. */
export function isTyping(element) {
  if (!(element instanceof HTMLElement)) return false;
  if (element.isContentEditable || element.matches("textarea, select")) return true;
  return element.matches("input:not([type=range], [type=checkbox], [type=radio], [type=button])");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target) || (document.querySelector("dialog[open]") && event.key !== "?")) return;
  const run = bindings.get(prefix + event.key) ?? (prefix ? undefined : bindings.get(event.key));
  prefix = "";
  if (run) {
    event.preventDefault();
    run(event);
  } else if (event.key === "g") {
    prefix = "g ";
  }
});
