// Colours of a chart: read from the page, put under the figure, swapped on dark pages. Continues plot.js (one module).

const PAPER = {
  text: "#1f2430", background: "#ffffff", grid: "#e3e5ea", line: "#aeb3bd", panel: "#ffffff", primary: "#0072b2",
  font: "Source Sans, Helvetica, Arial, sans-serif",
};

function readTheme(root) {
  const style = getComputedStyle(root);
  const read = (name, otherwise) => style.getPropertyValue(`--st-${name}`).trim() || otherwise;
  return {
    text: read("text-color", PAPER.text),
    background: read("background-color", PAPER.background),
    grid: read("border-color-light", PAPER.grid),
    line: read("border-color", PAPER.line),
    panel: read("secondary-background-color", PAPER.panel),
    primary: read("primary-color", PAPER.primary),
    font: read("font", PAPER.font),
  };
}

function swapColours(node, swaps) {
  // Colours are among the attributes whose name says so; texts are left alone.
  for (const [name, value] of Object.entries(node)) {
    if (name === "colorscale" && Array.isArray(value)) node[name] = value.map(([place, one]) => [place, swapped(one, swaps)]);
    else if (value && typeof value === "object") swapColours(value, swaps);
    else if (/color$/.test(name) && typeof value === "string") node[name] = swapped(value, swaps);
  }
}

function swapped(value, swaps) {
  const found = Object.entries(swaps).find(([from]) => value.startsWith(from));
  return found ? found[1] + value.slice(found[0].length) : value;
}

function isDark(theme) {
  const probe = element("canvas").getContext("2d");
  probe.fillStyle = theme.background;
  const parts = probe.fillStyle.match(/[0-9a-f]{2}/gi) ?? ["ff", "ff", "ff"];
  return parts.reduce((sum, part) => sum + parseInt(part, 16), 0) < 384;
}

function template(theme) {
  const axis = {
    gridcolor: theme.grid, linecolor: theme.line, zerolinecolor: theme.line, tickcolor: theme.line,
    automargin: true, title: { standoff: 10 },
  };
  const clear = "rgba(0,0,0,0)";
  const colorbar = { outlinewidth: 0 };
  return {
    data: { heatmap: [{ colorbar }], scatter3d: [{ marker: { colorbar } }] },
    layout: {
      font: { family: theme.font, color: theme.text, size: 13 },
      paper_bgcolor: clear, plot_bgcolor: clear,
      xaxis: axis, yaxis: axis, scene: { xaxis: axis, yaxis: axis, zaxis: axis },
      legend: { bgcolor: clear },
      hoverlabel: { bgcolor: theme.panel, bordercolor: theme.line, font: { color: theme.text, family: theme.font }, align: "left" },
      modebar: { bgcolor: clear, color: theme.text, activecolor: theme.primary },
      annotationdefaults: { arrowcolor: theme.text, bgcolor: theme.background },
      shapedefaults: { line: { color: theme.line } },
      newselection: { line: { color: theme.text } },
    },
  };
}
