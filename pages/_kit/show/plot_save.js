// Pictures of a chart: as it is on the screen, titled inside, or at the width of a paper's columns; and the buttons for them.
// Continues plot.js (one module).

const TITLE_SIZE = 13, LINE = 1.3, EDGE = 16, PICTURE_SCALE = { svg: 1, png: 3 };
const WIDE_FONT = "Helvetica, Arial, sans-serif"; // those of PAPER.font that stand in for its first
const COLUMNS = { "One column": 84, "Two columns": 174 }; // millimetres, of a page with two, as most journals have them
const COLUMN_EDGE = 8;
const PIXELS_IN_MM = 96 / 25.4, POINT = 96 / 72;
const PAPER_FONT = 8 * POINT, LEAST_FONT = 6 * POINT, SCREEN_FONT = 13; // pixels; a paper's text has 10 points, its captions 8 or 9
const LOWEST = 0.62, HIGHEST = 1.35; // of the width: a figure as low or as high as on a wide screen would not do on a page

async function save(view, format) {
  // Always on white, in the colours of the page in daylight: a picture goes into a paper, not into the dashboard.
  const { canvas, frames, options } = view;
  const back = Object.fromEntries(Object.entries(options.on_dark).map(([from, to]) => [to, from]));
  const figure = structuredClone({ data: canvas.data, layout: canvas.layout });
  swapColours(figure, back);
  const width = canvas.offsetWidth;
  const { title, block } = titleOf(view, width - 2 * EDGE);
  const layout = { ...figure.layout, title, template: template(PAPER), paper_bgcolor: "white", plot_bgcolor: "white" };
  layout.margin = { ...layout.margin, t: canvas._fullLayout.margin.t + block }; // the plot keeps its size and place
  const { lines, height: foot } = makeRoomForFoot(view, layout, [width, canvas.offsetHeight + block], TITLE_SIZE, EDGE, canvas._fullLayout._size);
  if (foot) layout.annotations = [...(layout.annotations ?? []), footNote(lines, TITLE_SIZE, EDGE, layout.margin, canvas._fullLayout._size)];
  const name = [options.file_name, frames?.files[view.frame]].filter(Boolean).join("-");
  const size = { width, height: canvas.offsetHeight + block + foot, scale: PICTURE_SCALE[format] };
  const picture = await window.Plotly.toImage({ data: figure.data, layout }, { format, ...size });
  await download(await (await fetch(picture)).blob(), `${name}.${format}`);
}

async function saveColumn(view, millimetres) {
  // For a page of a paper: its width in millimetres, letters that can be read there, and no title, which the caption is.
  const { canvas, frames, options } = view;
  const back = Object.fromEntries(Object.entries(options.on_dark).map(([from, to]) => [to, from]));
  const figure = structuredClone({ data: canvas.data, layout: canvas.layout });
  swapColours(figure, back);
  const width = Math.round(millimetres * PIXELS_IN_MM);
  const shrunk = Math.min(1, width / canvas.offsetWidth + 0.35);
  shrink([figure.layout, ...figure.data], shrunk);
  const style = template(PAPER);
  style.layout.font.size = PAPER_FONT;
  style.layout.xaxis.title.standoff = style.layout.yaxis.title.standoff = 5;
  const layout = { ...figure.layout, template: style, paper_bgcolor: "white", plot_bgcolor: "white" };
  const lines = foldNotes(layout.annotations ?? [], width, shrunk);
  layout.margin = smaller(layout.margin, (layout.title?.text ? 16 : 0) + lines * LEAST_FONT * 1.7);
  const asked = (width * canvas.offsetHeight) / canvas.offsetWidth;
  const legend = canvas._fullLayout.showlegend ? legendRows(canvas, width) * PAPER_FONT * 1.6 : 0;
  const height = Math.round(Math.min(HIGHEST * width, Math.max(LOWEST * width, asked)) + legend + lines * LEAST_FONT);
  if (legend) layout.margin.b = Math.max(layout.margin.b, 3.4 * PAPER_FONT + legend);
  const { lines: said, height: foot } = makeRoomForFoot(view, layout, [width, height], LEAST_FONT, COLUMN_EDGE, layout.margin);
  const picture = await window.Plotly.toImage({ data: figure.data, layout }, { format: "svg", width, height: height + foot });
  const name = [options.file_name, frames?.files[view.frame], `${millimetres}mm`].filter(Boolean).join("-");
  const text = withFoot(await (await fetch(picture)).text(), said, height + foot);
  const sized = text.replace(/ width="[^"]*"/, ` width="${millimetres}mm"`).replace(/ height="[^"]*"/, ` height="${((height + foot) / PIXELS_IN_MM).toFixed(1)}mm"`);
  await download(new Blob([sized], { type: "image/svg+xml" }), `${name}.svg`);
}

function shrink(node, share) {
  // Letters that have a size of their own, markers and lines.
  for (const [name, value] of Object.entries(node)) {
    if (!value || typeof value !== "object") continue;
    if (/font$/.test(name) && value.size) value.size = Math.max(LEAST_FONT, (value.size * PAPER_FONT) / SCREEN_FONT);
    else if (name === "marker" && typeof value.size === "number") value.size *= share;
    else if (name === "marker" && value.size?.length) value.size = Array.from(value.size, (one) => one * share);
    else if (name === "line" && value.width) value.width = Math.max(0.5, value.width * share);
    shrink(value, share);
  }
}

function foldNotes(notes, width, share) {
  // The titles of panels in as many lines as they need, how many lines that are at most; and shorter arrows.
  const titles = notes.filter((note) => note.xref === "paper" && note.showarrow === false && note.yanchor === "bottom");
  const room = width / Math.max(1, new Set(titles.map((note) => note.x.toFixed(3))).size) - 12;
  for (const note of titles) {
    const size = note.font?.size ?? PAPER_FONT;
    note.text = note.text.split("<br>").flatMap((line) => (line.includes("<") ? [line] : wrapped(line, room, `${size}px ${PAPER.font}`))).join("<br>");
  }
  for (const note of notes.filter((one) => one.showarrow !== false)) {
    for (const side of ["ax", "ay"]) if (typeof note[side] === "number") note[side] *= share;
    note.arrowwidth = 0.8;
  }
  return Math.max(0, ...titles.map((note) => note.text.split("<br>").length));
}

function smaller(margin, above) {
  const least = { l: 40, r: 8, t: 10 + above, b: 34 };
  return Object.fromEntries(Object.entries(least).map(([side, most]) => [side, Math.min(margin?.[side] ?? most, most)]));
}

function legendRows(canvas, width) {
  // In how many rows the names of a legend stand below a plot of this width.
  const pen = element("canvas").getContext("2d");
  pen.font = `${PAPER_FONT}px ${PAPER.font}`;
  const names = canvas._fullData.filter((trace) => trace.showlegend && trace.name && trace.visible === true).map((trace) => trace.name);
  const widest = Math.max(1, ...names.map((name) => pen.measureText(name.replace(/<[^>]*>/g, "")).width + 45));
  return Math.ceil(names.length / Math.max(1, Math.floor((width - 20) / widest)));
}

function download(picture, name) {
  // By a link that is not in the page: Plotly's own is, and a click on it closes the menu.
  const link = element("a");
  link.href = URL.createObjectURL(picture);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function titleOf(view, width) {
  // What is drawn, from what, and the frame on show; then the figure's own title, which is marked up already.
  const { canvas, frames, frame, options } = view;
  const shown = frames && [[frames.label, frames.names[frame]].filter(Boolean).join(": "), frames.captions[frame]];
  const stated = [...options.title, ...(shown ? [shown.filter(Boolean).join(" · ")] : [])];
  const own = canvas.layout.title?.text;
  const lines = stated.flatMap((text, place) =>
    wrapped(text, width, `${place ? "" : "bold "}${TITLE_SIZE}px ${PAPER.font}`).map((line) => (place ? escaped(line) : `<b>${escaped(line)}</b>`)),
  );
  const text = [...lines, ...(own ? [own] : [])].join("<br>");
  const place = { x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top" };
  const title = { text, automargin: false, font: { size: TITLE_SIZE }, pad: { t: EDGE, l: EDGE }, ...place };
  return { title, block: Math.ceil(lines.length * TITLE_SIZE * LINE) + EDGE };
}

function makeRoomForFoot(view, layout, [width, above], size, edge, margins) {
  // Below the plot and its legend, whose places stay, for what is said of faint points; the lines of it, and how high they are.
  const said = footOf(view);
  if (!said) return { lines: [], height: 0 };
  const lines = wrapped(said, width - 2 * edge, `${size}px ${PAPER.font}`);
  const height = Math.ceil(lines.length * size * LINE) + edge;
  layout.margin = { ...layout.margin, b: margins.b + height };
  const { legend } = layout;
  if (legend?.yref === "container") layout.legend = { ...legend, y: ((legend.y ?? 0) * above + height) / (above + height) };
  return { lines, height };
}

function footNote(lines, size, edge, margin, { l: left }) {
  const place = { x: 0, xref: "paper", xanchor: "left", xshift: edge - left, y: 0, yref: "paper", yanchor: "bottom", yshift: edge / 2 - margin.b };
  const look = { showarrow: false, align: "left", borderpad: 0, bgcolor: "rgba(0,0,0,0)", font: { size } };
  return { text: lines.map(escaped).join("<br>"), ...place, ...look };
}

function withFoot(picture, lines, height) {
  // In the picture itself: how much room Plotly takes for the legend of a narrow one is known only when it is drawn.
  const step = LEAST_FONT * LINE, style = `font-family:${PAPER.font};font-size:${LEAST_FONT}px;fill:${PAPER.text}`;
  const places = lines.map((_, place) => height - COLUMN_EDGE / 2 - 2 - (lines.length - 1 - place) * step);
  const drawn = lines.map((line, place) => `<text class="foot" x="${COLUMN_EDGE}" y="${places[place]}" style="${style}">${escaped(line)}</text>`);
  const end = picture.lastIndexOf("</svg>");
  return picture.slice(0, end) + drawn.join("") + picture.slice(end);
}

function footOf(view) {
  // How many of the drawn points are selected, and what the others look like; nothing where there is no selection.
  const { data } = view.canvas, found = new Set();
  let marked = false;
  for (const [index, trace] of data.entries()) {
    const ids = view.ids[index];
    const rows = isInSpace(trace) ? ids && view.selected && selectedRows(view, index) : toArray(trace.selectedpoints);
    if (!rows) continue;
    marked = true;
    for (const row of rows) found.add(ids?.[row] ?? `${index} ${row}`);
  }
  if (!marked) return "";
  const others = `The ${data.some(isInSpace) ? "small" : "faint"} points are those that are not selected`;
  const n = found.size;
  if (!n) return `${others}: none of the selected ones is drawn here.`;
  return `${others}; ${n.toLocaleString("en-US")} ${n === 1 ? "is" : "are"} selected.`;
}

function wrapped(text, width, font) {
  // By the widest of the letters that a picture may be shown in: where it is opened, the first of them may not be installed.
  const pens = [font, font.replace(PAPER.font, WIDE_FONT)].map((one) => {
    const pen = element("canvas").getContext("2d");
    pen.font = one;
    return pen;
  });
  const long = (words) => Math.max(...pens.map((pen) => pen.measureText(words).width));
  const lines = [""];
  for (const word of text.split(/(?<=[ \n\t])/)) {
    if (long(lines.at(-1) + word.trimEnd()) <= width) lines[lines.length - 1] += word;
    else for (const [place, sign] of [...word].entries()) {
      // a new line for the word, and more of them within one that is longer than a line
      if ((place === 0 && lines.at(-1)) || long(lines.at(-1) + sign) > width) lines.push("");
      lines[lines.length - 1] += sign;
    }
  }
  return lines;
}

function escaped(text) {
  // Plotly reads a kind of HTML, and a formula between dollars.
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", $: "&#36;" };
  return text.replace(/[&<>$]/g, (sign) => signs[sign]);
}

function offerPictures(parent, key) {
  let row = parent.querySelector(".embedscope-pictures");
  if (!row) {
    row = element("div", "embedscope-pictures");
    const offer = (words, help, make) => {
      const button = element("button");
      button.type = "button";
      button.textContent = words;
      if (help) button.title = help;
      button.addEventListener("click", () => {
        const view = [...mounted].find((one) => one.listening && one.options.key === row.dataset.of);
        if (view) make(view);
      });
      row.append(button);
    };
    for (const format of Object.keys(PICTURE_SCALE)) offer(format.toUpperCase(), "", (view) => save(view, format));
    for (const [words, millimetres] of Object.entries(COLUMNS)) {
      const help = `SVG for a paper, ${millimetres} mm wide, with letters of 8 points and without the title, which the caption is`;
      offer(words, help, (view) => saveColumn(view, millimetres));
    }
    parent.append(row);
  }
  row.dataset.of = key;
  row.style.display = [...mounted].some((one) => one.options?.key === key) ? "" : "none";
  return () => row.remove();
}
