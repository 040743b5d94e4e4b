"use strict";
// What a page does by itself: it tells how long ago things were and how soon they come, fetches its figures anew, and
// tells of actions that met no service.
(() => {
  const TELL_MS = 15_000;
  const UNITS = [[1, "s", 60], [60, "min", 60], [3_600, "h", 24], [86_400, "d", 30]];

  function span(seconds) {
    const unit = UNITS.find(([unit, , most]) => seconds < unit * most);
    return unit && `${Math.floor(seconds / unit[0])} ${unit[1]}`;
  }

  // Beyond a month, the date that the server wrote says more.
  function tellAges() {
    for (const each of document.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.now() - Date.parse(each.dateTime)) / 1000;
      const age = span(seconds);
      if (age) each.textContent = seconds < 60 ? "just now" : `${age} ago`;
    }
    for (const each of document.querySelectorAll("time[data-due]")) {
      const seconds = (Date.parse(each.dateTime) - Date.now()) / 1000;
      const wait = span(seconds);
      if (wait) each.textContent = seconds < 1 ? "now" : `in ${wait}`;
    }
  }
  document.addEventListener("htmx:after:swap", tellAges);
  setInterval(tellAges, TELL_MS);
  tellAges();

  for (const each of document.querySelectorAll("[data-every]")) {
    setInterval(() => document.hidden || htmx.trigger(each, "feed"), each.dataset.every * 1000);
  }

  const told = document.getElementById("told");
  document.addEventListener("htmx:error", ({ detail }) => {
    if (detail.ctx?.request?.method !== "POST") return;
    told.replaceChildren(document.getElementById("unanswered").content.cloneNode(true));
  });
  told.addEventListener("click", ({ target }) => { if (target.closest("[data-dismiss]")) told.replaceChildren(); });

  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("search");
    if (!search || event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
})();
