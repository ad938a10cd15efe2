// The address follows what the page shows, and one button copies it.
//
// A choice that somebody makes is a new entry of the browser's history; what only settles (defaults, fields that come
// with a result, the entry that Streamlit has just made for a new page, Back and Forward) takes the place of the entry.

const WEIGHTS = /@([0-9a-f]{12})?$/; // behind the name of a model, once it is looked up
let settled = null; // what the address said when this page last came to rest
const buttons = new WeakMap();

export default function ({ data, parentElement }) {
  const { query, settle, label, done, help } = data;
  follow(query, settle);
  let button = buttons.get(parentElement);
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "embedscope-copy-link";
    parentElement.append(button);
    buttons.set(parentElement, button);
    button.addEventListener("click", () => copy(button));
  }
  Object.assign(button, { textContent: label, title: help });
  Object.assign(button.dataset, { label, done });
  return () => {
    button.remove();
    buttons.delete(parentElement);
  };
}

function follow(query, settle) {
  const wanted = query ? `?${query}` : "";
  const path = location.pathname;
  const other = new URLSearchParams(query).toString() !== new URLSearchParams(location.search).toString();
  if (other) {
    const byHand = settled && settled.path === path && !settle && differs(settled.query, query);
    window.history[byHand ? "pushState" : "replaceState"]({}, "", path + wanted);
  }
  settled = { path, query };
}

function differs(before, after) {
  // Whether a choice that was on show has another value now; fields that came or went are no choice of anybody's, and where a
  // figure is zoomed is no step of its own.
  const [old, now] = [new URLSearchParams(before), new URLSearchParams(after)];
  const said = (words, key) => words.getAll(key).map((word) => word.replace(WEIGHTS, "")).join("\n");
  return [...new Set(old.keys())].some((key) => now.has(key) && !key.endsWith("_zoom") && said(now, key) !== said(old, key));
}

async function copy(button) {
  const link = location.href;
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    // Without TLS a browser has no clipboard for pages: an old way that still works.
    const field = document.createElement("textarea");
    field.value = link;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  button.textContent = button.dataset.done;
  setTimeout(() => (button.textContent = button.dataset.label), 2000);
}
