// Pictures of a chart as it is on the screen, titled inside, and the two buttons for them. Continues plot.js (one module).

const TITLE_SIZE = 13, LINE = 1.3, EDGE = 16, PICTURE_SCALE = { svg: 1, png: 3 };

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
  const name = [options.file_name, frames?.files[view.frame]].filter(Boolean).join("-");
  const size = { width, height: canvas.offsetHeight + block, scale: PICTURE_SCALE[format] };
  const picture = await window.Plotly.toImage({ data: figure.data, layout }, { format, ...size });
  await download(picture, `${name}.${format}`);
}

async function download(picture, name) {
  // By a link that is not in the page: Plotly's own is, and a click on it closes the menu.
  const link = element("a");
  link.href = URL.createObjectURL(await (await fetch(picture)).blob());
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

function wrapped(text, width, font) {
  const pen = element("canvas").getContext("2d");
  pen.font = font;
  const lines = [""];
  for (const word of text.split(/(?<=\s)/)) {
    if (pen.measureText(lines.at(-1) + word.trimEnd()).width <= width) lines[lines.length - 1] += word;
    else for (const [place, sign] of [...word].entries()) {
      // a new line for the word, and more of them within one that is longer than a line
      if ((place === 0 && lines.at(-1)) || pen.measureText(lines.at(-1) + sign).width > width) lines.push("");
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
    for (const format of Object.keys(PICTURE_SCALE)) {
      const button = element("button");
      button.type = "button";
      button.textContent = format.toUpperCase();
      button.addEventListener("click", () => {
        const view = [...mounted].find((one) => one.listening && one.options.key === row.dataset.of);
        if (view) save(view, format);
      });
      row.append(button);
    }
    parent.append(row);
  }
  row.dataset.of = key;
  row.style.display = [...mounted].some((one) => one.options?.key === key) ? "" : "none";
  return () => row.remove();
}
