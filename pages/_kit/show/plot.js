// A Plotly figure that keeps its zoom, camera and selection when data or parameters change.
//
// Streamlit runs the default export again at every rerun and at every change of theme, so each run only brings the
// mounted view up to date. A view is told apart by its parent element. The payload is UTF-8 JSON (see plot.py); arrays
// in it are Plotly's base64 typed arrays.

const views = new WeakMap();
const mounted = new Set();
const linked = new Map(); // the frame that charts of one link show together
const chosen = new Map(); // what is selected on every page, in the chart of each key
const kept = new Map(); // what a reader did to a chart that is off the page for now, by its key and view
let library;

export default function draw(component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const text = new TextDecoder().decode(data);
  if (text.startsWith('{"pictures_of"')) return offerPictures(parentElement, JSON.parse(text).pictures_of);
  if (text.startsWith('{"chosen_of"')) return showChosen(JSON.parse(text));
  let view = views.get(parentElement);
  if (!view) {
    view = createView(parentElement);
    views.set(parentElement, view);
  }
  view.send = setStateValue;
  view.pick = (ids) => setTriggerValue("picked", ids);
  view.pickClass = (name) => setTriggerValue("legend", name);
  view.queue = view.queue.then(() => update(view, text)).catch((error) => fail(view, error));
  return () => dispose(parentElement, view);
}

function createView(parent) {
  const root = element("div", "embedscope-plot");
  root.setAttribute("role", "figure");
  const bar = element("div", "embedscope-frames");
  const label = element("label");
  const name = element("span", "embedscope-frame-label");
  const slider = element("input");
  slider.type = "range";
  slider.min = 0;
  slider.step = 1;
  const output = element("output", "embedscope-frame-name");
  const caption = element("span", "embedscope-frame-caption");
  caption.setAttribute("aria-live", "polite");
  label.append(name, slider, output);
  const play = element("button", "embedscope-play");
  play.type = "button";
  bar.append(play, label, caption);
  const canvas = element("div", "embedscope-canvas");
  root.append(bar, canvas);
  parent.append(root);
  const view = { root, bar, play, name, slider, output, caption, canvas, queue: Promise.resolve(), frame: null, selected: null, changes: {} };
  slider.addEventListener("input", () => {
    stop(view);
    scrub(view, Number(slider.value));
  });
  play.addEventListener("click", () => (view.playing ? rest(view) : start(view)));
  stop(view);
  slider.addEventListener("change", () => {
    view.toldFrame = Number(slider.value);
    view.send("frame", view.toldFrame);
  });
  view.observer = new ResizeObserver(() => resize(view));
  view.observer.observe(canvas);
  mounted.add(view);
  return view;
}

function dispose(parent, view) {
  view.disposed = true;
  clearInterval(view.playing);
  mounted.delete(view);
  view.observer.disconnect();
  if (window.Plotly) window.Plotly.purge(view.canvas);
  view.root.remove();
  views.delete(parent);
  remember(view);
}

function fail(view, error) {
  console.error(error);
  view.canvas.style.height = "auto";
  view.canvas.textContent = `The chart could not be drawn (${error.message}). Reload the page to try again.`;
}

// --- drawing -----------------------------------------------------------------------------------------------------

async function update(view, text) {
  const theme = readTheme(view.root);
  const themeKey = JSON.stringify(theme);
  if (view.disposed || (text === view.text && themeKey === view.themeKey)) return;
  const { figure, options, frames } = JSON.parse(text);
  const sameView = view.options?.view === options.view;
  if (!sameView) remember(view);
  view.text = text;
  view.themeKey = themeKey;
  view.theme = theme;
  if (isDark(theme)) swapColours(figure, options.on_dark);
  view.options = options;
  view.frames = frames;
  view.root.setAttribute("aria-label", options.alt);
  const plotly = await loadPlotly(options.script);
  if (view.disposed) return;
  fit(view);
  if (!view.listening && isBelow(view)) {
    await turn(view);
    if (view.disposed) return;
  }
  if (!sameView) recall(view);
  const zooms = Boolean(options.start.stamp) && begin(view, options.start, figure, frames);
  view.own = ownRanges(figure.layout);
  view.whole = figure.data.map(({ x, y }) => [toArray(x), toArray(y)]);
  view.ids = figure.data.map((trace) => toArray(trace.customdata));
  if (options.shared) view.selected = chosen.get(options.key) ?? null;
  view.panels = new Map(figure.data.map(({ xaxis = "x", yaxis = "y" }) => [xaxis, yaxis]));
  showFrames(view);
  view.shapes = figure.layout.shapes ?? [];
  view.annotations = figure.layout.annotations ?? [];
  const layout = {
    ...figure.layout,
    template: template(theme),
    autosize: true,
    uirevision: `view ${options.view} ${view.zooms ?? 0}`, // an empty one would count as none
    selectionrevision: `view ${options.view} ${view.begun ?? 0} ${view.turn ?? 0}`, // a link, or Back, brings a selection of its own
    shapes: shapesOf(view),
    annotations: annotationsOf(view),
    clickmode: options.select === "points" ? "event+select" : "event",
  };
  delete layout.width;
  delete layout.height; // the canvas decides
  if (sameView && !zooms) keepCameras(view.canvas, layout);
  for (const [index, trace] of figure.data.entries()) placeTrace(view, trace, index);
  await plotly.react(view.canvas, figure.data, layout, configOf(view));
  if (!view.listening) listen(view);
  if ((!sameView || zooms) && Object.keys(view.changes).length) {
    // As if by hand: the next new data then keep it, and the reset button leads back to the whole.
    await (plotly._guiRelayout ?? plotly.relayout)(view.canvas, { ...view.changes });
  }
  view.root.dataset.drawn = String(Number(view.root.dataset.drawn ?? 0) + 1);
}

function isBelow(view) {
  return view.canvas.getBoundingClientRect().top > window.innerHeight;
}

async function turn(view) {
  // What is on the screen is drawn first; a chart that cannot be drawn holds nobody up for more than ten seconds.
  for (let waited = 0; waited < 20; waited += 1) {
    await new Promise((done) => (window.requestIdleCallback ? requestIdleCallback(done, { timeout: 500 }) : setTimeout(done)));
    if (view.disposed || ![...mounted].some((one) => !one.listening && !isBelow(one))) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}

function keepCameras(canvas, layout) {
  // uirevision does not cover a turned camera: plotly.js 4.1 writes it to the layout given, not to the full one.
  for (const [name, scene] of Object.entries(canvas.layout ?? {})) {
    if (/^scene\d*$/.test(name) && scene.camera) layout[name] = { ...layout[name], camera: scene.camera };
  }
}

function placeTrace(view, trace, index) {
  for (const [name, value] of Object.entries(frameChange(view, index) ?? {})) {
    const [part, inner] = name.split(".");
    if (inner) trace[part] = { ...trace[part], [inner]: value };
    else trace[name] = value;
  }
  if (view.options.select !== "points" || !view.selected || !view.ids[index]) return;
  if (isInSpace(trace)) trace.marker = { ...trace.marker, size: sizesOf(view, index, trace.marker.size) };
  else trace.selectedpoints = selectedRows(view, index);
}

function configOf(view) {
  // One object for the life of the view: Plotly draws from scratch, and forgets the zoom, when the configuration changes.
  if (view.config && view.config.displayModeBar === Boolean(view.options.passing)) {
    view.config = null; // the figure that replaces a passing one has its tools
  }
  view.config ??= {
    displaylogo: false,
    showSendToCloud: false, // the figure, texts and all, stays here
    displayModeBar: !view.options.passing,
    responsive: false,
    modeBarButtonsToRemove: ["toImage", ...(view.options.select === "points" ? [] : ["select2d", "lasso2d"])],
    modeBarButtonsToAdd: ["svg", "png"].map((format) => ({
      name: `Save as ${format.toUpperCase()}`,
      icon: format === "svg" ? window.Plotly.Icons.disk : window.Plotly.Icons.camera,
      click: () => save(view, format),
    })),
  };
  return view.config;
}

function resize(view) {
  cancelAnimationFrame(view.resizing);
  view.resizing = requestAnimationFrame(() => {
    if (view.disposed || !view.listening || view.canvas.offsetWidth === 0) return;
    fit(view);
    window.Plotly.Plots.resize(view.canvas);
  });
}

function fit(view) {
  const { height, aspect } = view.options;
  const most = aspect ? view.root.offsetWidth * aspect : Infinity;
  view.canvas.style.height = `${Math.round(Math.min(height, Math.max(most, 220)))}px`;
}

// --- what the reader did: kept while the chart is off the page (another page, a new computation) -------------------

function remember(view) {
  if (!view.options) return;
  const { changes, frame, selected, cell, told, toldFrame, toldZoom, begun } = view;
  kept.set(`${view.options.key} ${view.options.view}`, { changes, frame, selected, cell, told, toldFrame, toldZoom, begun });
}

function recall(view) {
  const before = kept.get(`${view.options.key} ${view.options.view}`) ?? {};
  view.changes = { ...before.changes };
  view.frame = before.frame ?? view.frame;
  view.cell = before.cell ?? null;
  view.selected = before.selected ?? view.selected;
  view.told = before.told ?? null;
  view.toldFrame = before.toldFrame ?? null;
  view.begun = before.begun ?? view.begun;
  // The server forgets the state of what is not on the page.
  if (view.told && !view.options.shared) view.send("selection", view.told);
  if (view.toldFrame !== null) view.send("frame", view.toldFrame);
  const zoomed = before.toldZoom ?? WHOLE;
  if (zoomed !== WHOLE || (view.toldZoom ?? WHOLE) !== WHOLE) view.send("zoom", JSON.parse(zoomed));
  view.toldZoom = zoomed;
}

function begin(view, start, figure, frames) {
  // What a link, Back or Forward asks for; each is followed once, and then the reader goes on from there. Says whether it zooms.
  if (view.begun === start.stamp) return false;
  view.begun = start.stamp;
  if (start.frame !== null) {
    view.frame = view.toldFrame = start.frame;
    if (frames?.link) linked.set(frames.link, start.frame);
    view.send("frame", start.frame);
  }
  if (!view.options.shared) view.selected = start.ids.length ? new Set(start.ids) : null;
  const [trace, row, column] = start.cell ?? [];
  const { xaxis: xref = "x", yaxis: yref = "y" } = figure.data[trace] ?? {};
  view.cell = figure.data[trace] ? { row, column, trace, xref, yref } : null;
  if (!view.options.shared) tell(view, { ids: start.ids, cell: start.cell });
  if (start.zoom) beginZoom(view, start.zoom);
  view.send("begun", start.stamp);
  return Boolean(start.zoom);
}

function tell(view, selection) {
  view.told = selection;
  view.send("selection", selection);
}

// --- selection ---------------------------------------------------------------------------------------------------

function listen(view) {
  view.listening = true;
  view.canvas.addEventListener("mousedown", (event) => (view.adding = event.shiftKey), true);
  view.canvas.on("plotly_selected", (event) => {
    const byOutline = Boolean(event?.range || event?.lassoPoints);
    if (!byOutline && !event?.points.length) return; // not by hand: Plotly found that there are no outlines
    if (view.options.select === "points") selectPoints(view, event.points, byOutline ? outlineOf(event) : null);
  });
  view.canvas.on("plotly_deselect", () => {
    if (view.options.select === "points") selectPoints(view, []);
  });
  for (const event of ["plotly_legendclick", "plotly_legenddoubleclick"])
    view.canvas.on(event, ({ data, curveNumber }) => {
      const name = view.options.classes ? data[curveNumber].meta?.class : undefined;
      if (name !== undefined) view.pickClass(name);
      return name === undefined; // else Plotly would hide the points
    });
  view.canvas.on("plotly_relayout", (event) => note(view, event));
  view.canvas.on("plotly_hover", (event) => hoverAlike(view, event.points[0]));
  view.canvas.on("plotly_click", (event) => {
    if (view.options.select === "cells") selectCell(view, event.points[0]);
    else if (view.options.shared && isInSpace(event.points[0].data)) selectPoints(view, event.points);
  });
}

function hoverAlike(view, point) {
  // A text that stands in several panels is named in each.
  if (view.options.select !== "points" || view.panels.size < 2) return;
  const places = view.ids.flatMap((ids, trace) => {
    const row = ids?.indexOf?.(point.customdata) ?? -1;
    return row < 0 ? [] : [[trace, row]];
  });
  if (places.length < 2) return;
  const alike = places.map(([curveNumber, row]) => {
    const [x, y] = frameCoordinates(view, curveNumber) ?? view.whole[curveNumber];
    return { curveNumber, xval: x[row], yval: y[row] };
  });
  const panels = places.map(([trace]) => `${view.canvas.data[trace].xaxis ?? "x"}${view.canvas.data[trace].yaxis ?? "y"}`);
  window.Plotly.Fx.hover(view.canvas, alike, panels, true);
}

function outlineOf({ lassoPoints, range }) {
  if (lassoPoints) return { x: [...lassoPoints.x], y: [...lassoPoints.y] };
  const [left, right] = range.x ?? [], [low, high] = range.y ?? [];
  return { x: [left, right, right, left], y: [low, low, high, high] };
}

function selectPoints(view, points, outline = null) {
  const before = outline && view.adding && view.selected ? [...view.selected] : [];
  const found = points.map((point) => point.customdata ?? `${point.curveNumber}:${point.pointNumber}`);
  const ids = [...new Set([...before, ...found])];
  if (view.options.shared) view.pick(view.options.around && outline ? { ...outline, frame: view.frame, adding: Boolean(view.adding) } : ids);
  else tell(view, { ids, cell: null });
  if (view.options.shared && isInSpace(view.canvas.data[0] ?? {})) return; // drawn once the page has it
  view.selected = ids.length ? new Set(ids) : null;
  if (outline || view.panels.size > 1) setTimeout(() => forgetOutline(view)); // Plotly keeps it only after this event; the other panels it leaves alone
}

function forgetOutline(view) {
  // At each change of the points Plotly would look what lies in the outline now: other points than those that are listed.
  if (view.disposed) return;
  view.canvas.layout.selections = [];
  window.Plotly.restyle(view.canvas, { selectedpoints: chosenRows(view) });
}

function showChosen({ chosen_of: key, ids }) {
  // What is selected on every page: kept for a chart that is still to come, and drawn in the one that is there.
  const found = toArray(ids);
  chosen.set(key, found.length ? new Set(found) : null);
  for (const view of mounted) {
    if (view.options?.shared && view.options.key === key) view.queue = view.queue.then(() => redraw(view)).catch((error) => fail(view, error));
  }
}

function redraw(view) {
  const wanted = chosen.get(view.options.key) ?? null;
  if (view.disposed || !view.listening || sameRows(view.selected, wanted)) return;
  view.selected = wanted;
  view.turn = (view.turn ?? 0) + 1;
  const { data } = view.canvas, flat = data.every((trace) => !isInSpace(trace));
  if (flat) return window.Plotly.restyle(view.canvas, { selectedpoints: chosenRows(view) });
  return window.Plotly.restyle(view.canvas, { "marker.size": data.map((trace, index) => sizesOf(view, index, trace.marker.size)) });
}

function sameRows(one, other) {
  return (one?.size ?? 0) === (other?.size ?? 0) && [...(one ?? [])].every((id) => other.has(id));
}

function isInSpace(trace) {
  return trace.type === "scatter3d";
}

function sizesOf(view, trace, size) {
  // Plotly has no selection in space: points that are not selected shrink.
  const sizes = (view.sizes ??= new Map());
  if (!Array.isArray(size)) sizes.set(trace, size);
  const own = sizes.get(trace);
  if (!view.selected || !view.ids[trace]) return own;
  return Array.from(view.ids[trace], (id) => own * (view.selected.has(id) ? 1.3 : 0.35));
}

function chosenRows(view) {
  return view.ids.map((ids, trace) => (ids && view.selected ? selectedRows(view, trace) : null));
}

function selectedRows(view, trace) {
  const rows = [];
  view.ids[trace].forEach((id, row) => view.selected.has(id) && rows.push(row));
  return rows;
}

function selectCell(view, point) {
  if (!Array.isArray(point.pointNumber)) return;
  const [row, column] = point.pointNumber;
  const axes = { xref: point.xaxis._id, yref: point.yaxis._id };
  view.cell = { row, column, trace: point.curveNumber, ...axes };
  window.Plotly.relayout(view.canvas, { shapes: shapesOf(view) });
  tell(view, { ids: [], cell: [point.curveNumber, row, column] });
}

function cellOutline(view) {
  if (!view.cell || view.options.select !== "cells") return [];
  const { row, column, xref, yref } = view.cell;
  const box = { x0: column - 0.5, x1: column + 0.5, y0: row - 0.5, y1: row + 0.5 };
  return [{ type: "rect", xref, yref, ...box, line: { color: view.theme.primary, width: 3 } }];
}

function shapesOf(view) {
  const at = view.frames?.cursor?.[view.frame];
  const line = { type: "line", x0: at, x1: at, y0: 0, y1: 1, line: { color: view.theme.primary, width: 2 } };
  const cursor = at === undefined ? [] : [...view.panels].map(([x, y]) => ({ ...line, xref: x, yref: `${y} domain` }));
  return [...view.shapes, ...cellOutline(view), ...cursor];
}

// --- frames: one set of coordinates for each step of the slider, sent once -----------------------------------------

function showFrames(view) {
  const { frames } = view;
  view.bar.style.display = frames && !frames.follows ? "" : "none";
  if (!frames) return;
  const last = frames.names.length - 1;
  const wanted = linked.get(frames.link) ?? view.frame ?? frames.initial;
  view.frame = Math.min(wanted, last);
  if (wanted > last && !frames.follows) view.send("frame", (view.toldFrame = view.frame)); // the server has no such frame
  view.name.textContent = frames.label;
  view.slider.max = last;
  view.slider.disabled = view.play.disabled = last === 0;
  view.slider.value = view.frame;
  view.decoded = new Map();
  describeFrame(view);
}

function describeFrame(view) {
  const { frames, frame } = view;
  view.output.textContent = frames.names[frame];
  view.slider.setAttribute("aria-valuetext", frames.names[frame]);
  view.caption.textContent = frames.captions[frame] ?? "";
}

function scrub(view, frame) {
  const { link } = view.frames;
  if (link) linked.set(link, frame);
  for (const one of link ? mounted : [view]) if ((one.frames?.link ?? "") === link) showFrame(one, frame);
}

function showFrame(view, frame) {
  view.frame = Math.min(frame, view.frames.names.length - 1);
  describeFrame(view);
  cancelAnimationFrame(view.scrubbing);
  view.scrubbing = requestAnimationFrame(() => {
    if (view.disposed || !view.listening) return;
    if (view.frames.cursor.length) window.Plotly.relayout(view.canvas, { shapes: shapesOf(view) });
    const changes = view.canvas.data.map((_, index) => frameChange(view, index));
    const traces = changes.flatMap((change, index) => (change ? [index] : []));
    const names = new Set(traces.flatMap((index) => Object.keys(changes[index])));
    const change = Object.fromEntries([...names].map((name) => [name, traces.map((index) => changes[index][name])])); // of some undefined: they stay
    const words = view.frames.notes.length ? { annotations: annotationsOf(view) } : {};
    if (traces.length) window.Plotly.update(view.canvas, change, words, traces);
  });
}

const AXES = ["x", "y", "z"];

function frameCoordinates(view, trace) {
  if (view.frames?.shown?.[trace]) return shownPoints(view, trace);
  const stored = view.frames?.coordinates[view.frame]?.[trace];
  if (!stored || view.frames.grids?.[trace]) return null;
  const key = `${view.frame}:${trace}`;
  if (!view.decoded.has(key)) view.decoded.set(key, stored.map(toArray));
  return view.decoded.get(key);
}

function shownPoints(view, trace) {
  const key = `shown:${trace}`;
  if (!view.decoded.has(key)) view.decoded.set(key, toArray(view.frames.shown[trace]));
  const bits = view.decoded.get(key), [x] = view.whole[trace];
  const start = view.frame * Math.ceil(x.length / 8);
  const shown = (row) => (bits[start + (row >> 3)] >> (row & 7)) & 1;
  return view.whole[trace].map((values) => Float32Array.from(values, (value, row) => (shown(row) ? value : NaN)));
}

const KINDS = { f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array };

function toArray(stored) {
  if (!stored || !stored.bdata) return stored;
  return new KINDS[stored.dtype](bytesOf(stored.bdata).buffer);
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place); // ten times as fast as Uint8Array.from
  return bytes;
}

// --- the page around it ------------------------------------------------------------------------------------------

function loadPlotly(path) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((resolve, reject) => {
    const ahead = document.getElementById("embedscope-charts"); // the document asked for it already
    const script = ahead ?? element("script");
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => {
      library = undefined;
      script.remove();
      reject(new Error(`${script.src} is not served`));
    });
    if (ahead) return;
    script.src = new URL(path, serverRoot());
    document.head.append(script);
  });
  return library;
}

function serverRoot() {
  // The app may sit below a path, or behind a proxy that strips one: Streamlit's own script knows where.
  const own = document.querySelector('script[type="module"][src*="static/js/"]');
  return own ? new URL("../../", own.src) : new URL("/", location.href);
}

function element(tag, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
}
