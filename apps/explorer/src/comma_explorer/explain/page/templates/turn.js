"use strict";
for (const svg of document.querySelectorAll("svg.crystal")) {
  const items = Array.from(svg.querySelectorAll("[data-at]"), (node) => ({ node, at: node.dataset.at.split(" ").map(Number), depth: 0 }));
  let yaw = 0, pitch = 0, from = null;
  const turned = (x, y, z) => {
    const a = x * Math.cos(yaw) + z * Math.sin(yaw), b = z * Math.cos(yaw) - x * Math.sin(yaw);
    return [a, y * Math.cos(pitch) + b * Math.sin(pitch), b * Math.cos(pitch) - y * Math.sin(pitch)];
  };
  const draw = () => {
    for (const item of items) {
      const [x, y, z] = turned(...item.at.slice(0, 3));
      item.depth = z;
      if (item.at.length === 6) {
        const [u, v, w] = turned(...item.at.slice(3));
        item.depth = Math.min(z, (z + w) / 2) - 1;
        for (const [name, value] of [["x1", x], ["y1", y], ["x2", u], ["y2", v]]) item.node.setAttribute(name, value.toFixed(2));
      } else {
        item.node.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
      }
    }
    items.sort((a, b) => a.depth - b.depth);
    for (const item of items) svg.append(item.node);
  };
  const turn = (x, y) => { yaw += x; pitch = Math.max(-1.5, Math.min(1.5, pitch + y)); draw(); };
  svg.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; svg.setPointerCapture(event.pointerId); });
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    turn((event.clientX - from[0]) / 120, (from[1] - event.clientY) / 120);
    from = [event.clientX, event.clientY];
  });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { from = null; });
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, 0.15], ArrowDown: [0, -0.15] }[event.key];
    if (by) { event.preventDefault(); turn(...by); }
  });
  svg.classList.add("turns");
}
