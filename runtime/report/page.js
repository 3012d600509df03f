"use strict";
// Draws the two pictures of a report from the data in the page. All of it is text to the browser: nothing is run.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById("data").textContent);

  function make(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function cut(text, room) {
    return text.length <= room ? text : room < 4 ? "" : text.slice(0, room - 1) + "…";
  }

  // --- the flame graph --------------------------------------------------------------------------------------------

  const ROW = 18, LETTER = 6.2;
  const flame = document.getElementById("flame"), told = document.getElementById("told");
  let wanted = "";

  function hue(name) {
    // A colour for each package, the same wherever it is.
    const dot = name.indexOf(".", name.lastIndexOf("/") + 1), end = dot < 0 ? name.length : dot;
    let sum = 0;
    for (let i = 0; i < end; i++) sum = (sum * 31 + name.charCodeAt(i)) >>> 0;
    return `hsl(${10 + (sum % 50)} ${60 + (sum >> 8) % 30}% ${62 + (sum >> 16) % 14}%)`;
  }

  function drawFlame(path) {
    flame.replaceChildren();
    const width = Math.max(flame.clientWidth, 600), top = path[path.length - 1];
    const svg = make(flame, "svg", { width, role: "img", "aria-label": "flame graph of stacks" });
    let rows = 0, matched = 0;

    function frame(node, x, wide, row, way) {
      rows = Math.max(rows, row + 1);
      const group = make(svg, "g", { class: "frame" });
      make(group, "rect", { x, y: row * ROW, width: Math.max(wide - 0.3, 0.2), height: ROW - 1, fill: hue(node[0]) });
      if (wanted && node[0].toLowerCase().includes(wanted)) { group.classList.add("match"); matched += node[1]; }
      const shown = cut(node[0], Math.floor(wide / LETTER));
      if (shown) make(group, "text", { x: x + 3, y: row * ROW + 13 }, shown);
      const says = `${node[0]}: ${node[1]} of ${data.flame.total} goroutines`;
      make(group, "title", {}, says);
      group.addEventListener("mouseenter", () => { told.textContent = says; });
      group.addEventListener("click", () => drawFlame(way));
    }

    path.forEach((node, row) => frame(node, 0, width, row, path.slice(0, row + 1)));
    const todo = [[top, 0, width, path.length, path]];
    while (todo.length) {
      const [node, left, wide, row, way] = todo.pop();
      let x = left;
      for (const child of node[2]) {
        const own = node[1] ? wide * child[1] / node[1] : 0;
        if (own >= 0.4) {
          const below = way.concat([child]);
          frame(child, x, own, row, below);
          todo.push([child, x, own, row + 1, below]);
        }
        x += own;
      }
    }
    svg.setAttribute("height", rows * ROW);
    document.getElementById("found").textContent = wanted ? `${matched} goroutines' frames` : "";
    return path;
  }

  document.getElementById("find").addEventListener("input", (event) => {
    wanted = event.target.value.toLowerCase();
    drawFlame([data.flame.tree]);
  });

  // --- who waits for whom -----------------------------------------------------------------------------------------

  const BOX = 250, HIGH = 34, GAP = 14, BETWEEN = 110;

  function drawGraph(graph) {
    const place = document.getElementById("graph");
    if (!graph.nodes.length) { place.textContent = "Nobody waits for a lock or a channel."; return; }
    const columns = [], at = new Map();
    for (const node of graph.nodes) (columns[node.layer] = columns[node.layer] || []).push(node);
    const used = columns.filter((column) => column);
    // Nodes come near those that lead to them.
    used.forEach((column, number) => {
      if (number) {
        const pull = new Map(column.map((node) => {
          const from = graph.edges.filter((e) => e.to === node.id && at.has(e.from)).map((e) => at.get(e.from).y);
          return [node, from.length ? from.reduce((a, b) => a + b, 0) / from.length : 1e9];
        }));
        column.sort((a, b) => pull.get(a) - pull.get(b));
      }
      column.forEach((node, row) => at.set(node.id, { x: 10 + number * (BOX + BETWEEN), y: 10 + row * (HIGH + GAP) }));
    });
    const height = 20 + Math.max(...used.map((column) => column.length)) * (HIGH + GAP);
    const width = 20 + used.length * BOX + (used.length - 1) * BETWEEN + 40;
    const svg = make(place, "svg", { width, height, role: "img", "aria-label": "who waits for whom" });
    for (const edge of graph.edges) {
      const from = at.get(edge.from), to = at.get(edge.to), back = to.x <= from.x;
      const x1 = from.x + BOX, y1 = from.y + HIGH / 2, x2 = back ? to.x + BOX : to.x, y2 = to.y + HIGH / 2;
      const bend = back ? 60 : BETWEEN / 2;
      const group = make(svg, "g", { class: edge.stuck ? "edge stuck" : "edge" });
      const curve = `M${x1} ${y1} C${x1 + bend} ${y1} ${back ? x2 + bend : x2 - bend} ${y2} ${x2} ${y2}`;
      make(group, "path", { d: curve, "stroke-width": 1 + Math.log10(edge.count) });
      const label = edge.count > 1 ? `${edge.count} × ${edge.label}` : edge.label;
      make(group, "text", { x: x1 + 6, y: y1 - 3 + (y2 - y1) * 0.15 }, label);
    }
    for (const node of graph.nodes) {
      const { x, y } = at.get(node.id);
      const group = make(svg, "g", { class: `node ${node.kind}` });
      make(group, "rect", { x, y, width: BOX, height: HIGH, rx: 5 });
      make(group, "text", { x: x + 6, y: y + 14 }, cut(node.label, 42));
      make(group, "text", { x: x + 6, y: y + 28, class: "note" }, node.count ? `${node.count} goroutine${node.count > 1 ? "s" : ""}` : cut(node.note, 42));
      make(group, "title", {}, `${node.label} ${node.note}`);
    }
  }

  drawGraph(data.graph);
  drawFlame([data.flame.tree]);
  const seen = [...document.querySelectorAll("svg rect")].filter((rect) => rect.getBoundingClientRect().width > 0);
  document.body.dataset.drawn = String(seen.length);
  requestAnimationFrame(() => { document.body.dataset.millis = String(Math.round(performance.now())); });
})();
