"use strict";
const form = document.getElementById("ask");
if (form) {
  const words = document.getElementById("q"), problem = document.getElementById("problem"), file = document.getElementById("file");
  const say = (text) => { problem.textContent = text; problem.hidden = !text; };
  const go = (more) => {
    const asked = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && value && !(name === "n" && value === "6")) asked.append(name, value);
    }
    if (more) asked.append("file", more);
    document.body.classList.add("busy");
    location.assign(`/?${asked}`);
  };
  const send = async (chosen) => {
    if (!chosen) return;
    say("");
    document.body.classList.add("busy");
    try {
      const answer = await fetch("/sent", {
        method: "POST",
        headers: { "X-Name": encodeURIComponent(chosen.name), "Content-Type": "application/octet-stream" },
        body: chosen,
      });
      const told = answer.headers.get("content-type").startsWith("application/json") ? await answer.json() : { problem: await answer.text() };
      if (answer.ok) { go(told.key); return; }
      say(`${chosen.name}: ${told.problem}`);
    } catch {
      say("The server does not answer: was it ended?");
    }
    document.body.classList.remove("busy");
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); go(); });
  words.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); go(); } });
  file.addEventListener("change", () => send(file.files[0]));
  const over = (event) => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); form.classList.add("over"); } };
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", () => form.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    form.classList.remove("over");
    send(event.dataTransfer.files[0]);
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); words.focus(); words.select(); }
  });
  window.addEventListener("pageshow", () => document.body.classList.remove("busy"));
}
