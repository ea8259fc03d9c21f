"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const { texts, points } = read("beside");
  const about = document.getElementById("about");
  const names = { structure: "Nearest structures", text: "Nearest protocols of other materials", image: "Nearest micrographs", xrd: "Nearest patterns" };
  const make = (name, text, parent) => {
    const node = document.createElement(name);
    if (text) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const steps = (number, parent) => {
    const list = make("ol", "", parent);
    for (const step of texts[number]) make("li", step, list);
  };
  let viewer = null;
  const open = (number) => {
    const target = { environment: number, structure: number };
    viewer.map.select(target);
    viewer.info.show(target);
    viewer.structure.show(target);
  };
  const neighbour = (list, [cosine, formula, id, text, point]) => {
    const item = make("li", "", list);
    const said = make("span", cosine.toFixed(3), item);
    said.className = "cosine";
    if (point >= 0) {
      make("button", formula, item).addEventListener("click", () => open(point));
      make("code", ` ${id}`, item);
    } else if (text >= 0) {
      const details = make("details", "", item);
      make("code", ` ${id}`, make("summary", formula, details));
      steps(text, details);
      details.style.display = "inline-block";
    } else {
      make("span", `${formula} (${id})`, item);
    }
  };
  const show = (number) => {
    const point = points[number];
    about.replaceChildren();
    make("h2", point.formula, about);
    make("code", point.id, about);
    make("h3", point.protocols > 1 ? `Protocol: the first of ${point.protocols}` : "Protocol", about);
    if (point.text >= 0) {
      steps(point.text, about);
      if (point.doi) make("p", `DOI ${point.doi}`, about).className = "note";
    } else {
      make("p", "No protocol of it is known here.", about).className = "note";
    }
    for (const [modality, several] of Object.entries(point.near)) {
      if (!several.length) continue;
      make("h3", names[modality] ?? `Nearest: ${modality}`, about);
      const list = make("ul", "", about);
      for (const each of several) neighbour(list, each);
    }
  };
  const config = { meta: "meta", map: "map", structure: "structure", info: "info" };
  const dataset = read("dataset");
  // JSON has no NaN, and the viewer wants it for what is not known
  for (const property of Object.values(dataset.properties)) property.values = property.values.map((value) => value ?? NaN);
  Chemiscope.DefaultVisualizer.load(config, dataset).then((made) => {
    viewer = made;
    const before = made.info.show.bind(made.info);
    made.info.show = (target) => { before(target); show(target.structure); };
    show(0);
    document.documentElement.dataset.ready = "yes";
  }).catch((error) => { about.textContent = `The map cannot be drawn: ${error.message}`; });
})();
