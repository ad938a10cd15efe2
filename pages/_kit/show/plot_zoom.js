// Where a reader has zoomed, panned or turned a chart: kept by name, and told to the server when it rests, for the address and
// for files. Continues plot.js (one module).

const BY_HAND = /^([xy]axis\d*)\.(range(\[[01]\])?|autorange)$|^scene\d*\.camera$/;
const WHOLE = "{}"; // a chart as its figure has it
const REST_MS = 300;
const CAMERA = ["eye", "center", "up"];
const USUAL_CAMERA = [1.25, 1.25, 1.25, 0, 0, 0, 0, 0, 1];

function note(view, event) {
  let moved = false;
  for (const [name, value] of Object.entries(event)) {
    if (!BY_HAND.test(name)) continue;
    moved = true;
    if (!name.endsWith(".autorange")) view.changes[name] = value;
    else if (value) for (const other of Object.keys(view.changes)) if (other.startsWith(name.split(".")[0] + ".")) delete view.changes[other];
  }
  if (!moved) return;
  clearTimeout(view.resting);
  view.resting = setTimeout(() => tellZoom(view), REST_MS);
}

function tellZoom(view) {
  const zoom = view.disposed ? {} : zoomOf(view), said = JSON.stringify(zoom);
  if (view.disposed || said === (view.toldZoom ?? WHOLE)) return;
  view.toldZoom = said;
  view.send("zoom", zoom);
}

function zoomOf(view) {
  // By name: the range of every axis, and the camera of every scene, that is not as the figure has it.
  const names = new Set(Object.keys(view.changes).map((name) => name.split(".")[0]));
  const found = [...names].sort().map((name) => [name, name.startsWith("scene") ? cameraOf(view, name) : rangeOf(view, name)]);
  return Object.fromEntries(found.filter(([, numbers]) => numbers?.every(Number.isFinite)));
}

function rangeOf(view, name) {
  const axis = view.canvas._fullLayout?.[name];
  if (!axis || axis.autorange === true) return null;
  const [low, high] = axis.range.map(Number), step = Math.abs(high - low) / 1e4;
  const places = Math.min(Math.max(-Math.floor(Math.log10(step)), 0), 20);
  const own = view.own?.[name]; // a double click leads back to it
  if (own && [low, high].every((end, place) => Math.abs(end - own[place]) < step)) return null;
  return [low, high].map((end) => Number(end.toFixed(places)));
}

function ownRanges(layout) {
  // Taken before Plotly has the layout: it writes where the reader is into it.
  const axes = Object.entries(layout).filter(([name, axis]) => /^[xy]axis/.test(name) && axis.range);
  return Object.fromEntries(axes.map(([name, axis]) => [name, [...axis.range]]));
}

function cameraOf(view, name) {
  const camera = view.changes[`${name}.camera`] ?? {};
  const flat = CAMERA.flatMap((part) => ["x", "y", "z"].map((axis) => Number((camera[part]?.[axis] ?? NaN).toFixed(4))));
  return flat.every((number, place) => number === USUAL_CAMERA[place]) ? null : flat;
}

function beginZoom(view, zoom) {
  view.zooms = (view.zooms ?? 0) + 1; // Plotly forgets the zoom it had
  view.changes = {};
  for (const [name, numbers] of Object.entries(zoom)) {
    if (!name.startsWith("scene")) view.changes[`${name}.range`] = numbers;
    else view.changes[`${name}.camera`] = Object.fromEntries(CAMERA.map((part, place) => [part, point(numbers.slice(3 * place))]));
  }
  view.toldZoom = JSON.stringify(zoom);
  view.send("zoom", zoom);
}

function point([x, y, z]) {
  return { x, y, z };
}
