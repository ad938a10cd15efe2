// What one step of a slider changes: places and colours of points, cells, words. Continues plot.js (one module).

function frameChange(view, trace) {
  // The attributes of a trace that this frame has values for, by their names in Plotly; null where it has none.
  const coordinates = frameCoordinates(view, trace);
  const change = Object.fromEntries((coordinates ?? []).map((values, axis) => [AXES[axis], values]));
  Object.assign(change, frameColours(view, trace), frameGrid(view, trace));
  return Object.keys(change).length ? change : null;
}

function frameColours(view, trace) {
  // The numbers that colour the points of this trace, and the ends of their scale.
  const stored = view.frames?.colours?.[trace]?.[view.frame];
  if (!stored) return null;
  const [cmin, cmax] = view.frames.colour_ends[view.frame];
  return { "marker.color": decoded(view, `colours:${view.frame}:${trace}`, stored), "marker.cmin": cmin, "marker.cmax": cmax };
}

function frameGrid(view, trace) {
  const stored = view.frames?.grids?.[trace]?.[view.frame];
  if (!stored) return null;
  const { z, columns, ...places } = stored;
  const cells = decoded(view, `grid:${view.frame}:${trace}`, z);
  const rows = Array.from({ length: cells.length / columns }, (_, row) => cells.subarray(row * columns, (row + 1) * columns));
  return { z: rows, ...places };
}

function decoded(view, key, stored) {
  if (!view.decoded.has(key)) view.decoded.set(key, toArray(stored));
  return view.decoded.get(key);
}

function annotationsOf(view) {
  const notes = view.frames?.notes?.[view.frame] ?? [];
  const look = { showarrow: false, opacity: 0.9, font: { size: 12 }, borderpad: 2 };
  return [...view.annotations, ...notes.map(([x, y, text]) => ({ x, y, text, ...look, bgcolor: view.theme.background }))];
}

// --- playing: one frame after the other, by itself --------------------------------------------------------------------

const BEAT_MS = 700, MOST_BEATS = 40;

function start(view) {
  const last = view.frames.names.length - 1, step = Math.max(1, Math.round(last / MOST_BEATS));
  if (view.frame >= last) move(view, 0);
  view.playing = setInterval(() => {
    move(view, Math.min(view.frame + step, last));
    if (view.frame >= last) rest(view);
  }, BEAT_MS);
  say(view, "⏸", "Pause");
}

function move(view, frame) {
  view.slider.value = frame;
  scrub(view, frame);
}

function stop(view) {
  clearInterval(view.playing);
  view.playing = undefined;
  say(view, "▶", "Play");
}

function rest(view) {
  stop(view);
  view.slider.dispatchEvent(new Event("change")); // tells the server where it rests
}

function say(view, sign, words) {
  view.play.textContent = sign;
  view.play.title = words;
  view.play.setAttribute("aria-label", words);
}
