// Shows a draft while it is written. The page is whole without this file; a reload shows the same.

const page = document.querySelector("[data-events]");
if (page) watch(page);

function watch(page) {
  const source = new EventSource(page.dataset.events);
  const on = (type, show) =>
    source.addEventListener(type, (message) => show(JSON.parse(message.data)));
  const reload = () => {
    source.close();
    location.reload();
  };

  on("started", () => {
    if (page.querySelector("[data-empty]")) reload();
  });
  on("section_started", ({ section }) => {
    const part = find(page, section);
    if (!part) return;
    mark(part, "writing", page.dataset.writing);
    part.querySelector(".stream")?.replaceChildren();
  });
  on("delta", ({ section, data }) => {
    find(page, section)?.querySelector(".stream")?.append(data.text);
  });
  on("section_finished", ({ section, data }) => {
    const part = find(page, section);
    if (!part) return;
    mark(part, "finished", page.dataset.finished);
    part.querySelector(".stream")?.replaceChildren(data.text);
  });
  on("finished", reload);
  on("failed", reload);
}

function find(page, key) {
  return page.querySelector(`[data-section="${CSS.escape(key)}"]`);
}

function mark(part, state, label) {
  part.className = `progress ${state}`;
  part.querySelector(".section-state").textContent = label;
}
