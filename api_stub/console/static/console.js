"use strict";
// The live feed of a page. It asks for what happens to the groups on it, and lets htmx fetch anew what changed.
(() => {
  const link = document.getElementById("link");
  const linkText = document.getElementById("link-text");
  const cut = document.getElementById("cut");
  const news = document.getElementById("news");
  const REFRESH_MS = 700; // what changes more often is shown as often as somebody can read it
  const GRACE_MS = 1500; // the stream ends every minute by plan, and comes back at once
  const RETRY_MS = 3000;
  let source = null, watched = "", position = "", cutTimer = 0, retryTimer = 0, wasCut = false;
  let seenAt = new Date();
  const changed = new Set(), created = new Set();
  let refreshing = 0;

  const shown = () => [...document.querySelectorAll("[data-group]")].map((each) => each.dataset.group);

  function refresh(selector) {
    for (const each of document.querySelectorAll(selector)) htmx.trigger(each, "feed");
  }

  function flush() {
    refreshing = 0;
    for (const id of changed) refresh(`[data-group="${id}"]`);
    changed.clear();
  }

  function noteCreated(id) {
    created.add(id);
    if (!news) return;
    if (!document.querySelector(".groups")) { location.reload(); return; } // the first group on an empty board
    news.textContent = created.size === 1 ? "1 new group" : `${created.size} new groups`;
    news.hidden = false;
  }

  function onEvent(event) {
    position = event.lastEventId;
    seenAt = new Date();
    const happened = JSON.parse(event.data);
    if (event.type === "command.rejected") refresh("[data-letters]");
    if (shown().includes(happened.subject)) {
      changed.add(happened.subject);
      refreshing ||= setTimeout(flush, REFRESH_MS);
    } else if (event.type === "job_group.created") noteCreated(happened.subject);
  }

  function isConnected() {
    clearTimeout(cutTimer);
    cutTimer = 0;
    document.body.classList.remove("is-cut");
    link.dataset.state = "live";
    linkText.textContent = "Live";
    cut.hidden = true;
    if (wasCut) refresh("[data-group], [data-letters]");
    wasCut = false;
  }

  function isCut() {
    wasCut = true;
    document.body.classList.add("is-cut");
    link.dataset.state = "cut";
    linkText.textContent = "Disconnected";
    cut.textContent = `The service does not answer. What you see is as of ${seenAt.toISOString().slice(11, 19)} UTC; it is tried again by itself.`;
    cut.hidden = false;
  }

  // A stream that was refused does not come back by itself: the session may have ended, or the position be gone.
  async function lookWhy() {
    position = "";
    wasCut = true;
    try {
      const answer = await fetch(location.href, { redirect: "manual" });
      if (answer.type === "opaqueredirect") { location.reload(); return; }
    } catch { /* it is still away */ }
    retryTimer = setTimeout(open, RETRY_MS);
  }

  function open() {
    source?.close();
    clearTimeout(retryTimer);
    const groups = shown();
    watched = groups.join();
    const asked = new URLSearchParams(groups.map((id) => ["group", id]));
    if (position) asked.set("after", position);
    source = new EventSource(`${link.dataset.feed}?${asked}`);
    const opened = source;
    source.onopen = isConnected;
    source.onerror = () => {
      if (opened !== source) return;
      cutTimer ||= setTimeout(isCut, GRACE_MS);
      if (source.readyState === EventSource.CLOSED) lookWhy();
    };
    for (const name of link.dataset.names.split(" ")) source.addEventListener(name, onEvent);
  }

  // A page that nobody sees keeps none of the six connections that a browser has for a host.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source.close(); clearTimeout(cutTimer); clearTimeout(retryTimer); cutTimer = 0; } else open();
  });
  document.addEventListener("htmx:after:swap", () => { if (shown().join() !== watched) open(); });
  setInterval(() => { if (link.dataset.state === "live") seenAt = new Date(); }, 1000);
  open();
})();
