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
  const PASSING = [429, 500, 502, 503, 504]; // of the service, or of a proxy before it
  const EVERYTHING = "[data-group], [data-letters], [data-every]";
  let source = null, watched = new Set(), position = link.dataset.position, cutTimer = 0, retryTimer = 0, refreshTimer = 0;
  let isStreaming = false, isStale = false;
  let seenAt = new Date();
  const changed = new Set(), created = new Set(), heard = new Map(); // of each group, the position of its last event
  const unfetched = new Set(); // ids of what could not be fetched anew; "" stands for what a person asked for

  const shown = () => new Set([...document.querySelectorAll("[data-group]")].map((each) => each.dataset.group));

  function refresh(selector) {
    for (const each of document.querySelectorAll(selector)) htmx.trigger(each, "feed");
  }

  function flush() {
    refreshTimer = 0;
    for (const id of changed) refresh(`[data-group="${id}"]`);
    changed.clear();
    if (!created.size) return;
    refresh("[data-first]");
    if (!news) return;
    news.textContent = created.size === 1 ? "1 new group" : `${created.size} new groups`;
    news.hidden = !document.querySelector(".groups");
  }

  function onEvent(event) {
    position = event.lastEventId;
    seenAt = new Date();
    const { subject } = JSON.parse(event.data);
    if (event.type === "command.rejected") refresh("[data-letters]");
    if (watched.has(subject)) { changed.add(subject); heard.set(subject, Number(position)); }
    else if (event.type === "job_group.created") created.add(subject);
    else return;
    refreshTimer ||= setTimeout(flush, REFRESH_MS);
  }

  // An answer shows how it was when it was asked for; what happened since then may have been shown before it came.
  function catchUp({ text }) {
    const at = Number(/ data-position="(\d+)"/.exec(text)?.[1] ?? 0);
    if (shown().symmetricDifference(watched).size) {
      if (at && at < position) position = at;
      open();
    } else if (at) {
      for (const id of watched) if (heard.get(id) > at) changed.add(id);
      if (changed.size) refreshTimer ||= setTimeout(flush, REFRESH_MS);
    }
  }

  // An element that a filter, say, has made to ask for something else has no use for the answer to what it asked before.
  function isOutdated({ sourceElement, asked }) {
    if (sourceElement.getAttribute("hx-get") === asked) return false;
    setTimeout(() => htmx.trigger(sourceElement, "feed"));
    return true;
  }

  const mayPass = ({ response }) => PASSING.includes(response.status);

  // What could not be fetched anew stays as it was: the page of a proxy, say, has no place in a row.
  const isNoNews = (ctx) => ctx.request.method === "GET" && mayPass(ctx);

  // Two things make a page current: the stream of what happens, and that what happened could be fetched.
  function tell() {
    const isLive = isStreaming && !isStale;
    document.body.classList.toggle("is-cut", !isLive);
    link.dataset.state = isLive ? "live" : "cut";
    linkText.textContent = isLive ? "Live" : isStreaming ? "Out of date" : "Disconnected";
    const time = seenAt.toISOString().slice(11, 19);
    if (!isLive && cut.hidden) cut.textContent = `The service does not answer. You see how it was at ${time} UTC; trying again.`;
    cut.hidden = isLive;
  }

  function isConnected() {
    clearTimeout(cutTimer);
    cutTimer = 0;
    if (link.dataset.state === "cut") refresh(EVERYTHING);
    isStreaming = true;
    tell();
  }

  function isCut() {
    isStreaming = false;
    tell();
  }

  function isFetched({ sourceElement }, wasAnswered) {
    if (!wasAnswered) unfetched.add(sourceElement.matches(EVERYTHING) ? sourceElement.id : "");
    else for (const id of [sourceElement.id, ""]) unfetched.delete(id);
    look();
  }

  function look() {
    for (const id of unfetched) if (id && !document.getElementById(id)) unfetched.delete(id);
    if (isStale === unfetched.size > 0) return;
    isStale = !isStale;
    tell();
    if (isStale) again();
  }

  function again() {
    setTimeout(() => { look(); if (isStale) { refresh(EVERYTHING); again(); } }, RETRY_MS);
  }

  // A stream that was refused does not come back by itself: the session may have ended, or the position be gone.
  async function lookWhy() {
    position = "";
    heard.clear(); // where the database was restored, positions that were heard come again
    isCut();
    try {
      const answer = await fetch(location.href, { redirect: "manual" });
      if (answer.type === "opaqueredirect") { location.reload(); return; }
    } catch { /* it is still away */ }
    retryTimer = setTimeout(open, RETRY_MS);
  }

  function open() {
    source?.close();
    clearTimeout(retryTimer);
    watched = shown();
    const asked = new URLSearchParams([...watched].map((id) => ["group", id]));
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

  // A page that nobody sees keeps none of the six connections that a browser has for a host, and fetches nothing.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { open(); flush(); return; }
    source.close();
    for (const timer of [cutTimer, retryTimer, refreshTimer]) clearTimeout(timer);
    cutTimer = refreshTimer = 0;
  });
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => { ctx.asked = ctx.sourceElement.getAttribute("hx-get"); });
  document.addEventListener("htmx:before:swap", (event) => { if (isNoNews(event.detail.ctx) || isOutdated(event.detail.ctx)) event.preventDefault(); });
  document.addEventListener("htmx:after:swap", ({ detail }) => catchUp(detail.ctx));
  document.addEventListener("htmx:after:request", ({ detail }) => isFetched(detail.ctx, !mayPass(detail.ctx)));
  document.addEventListener("htmx:error", ({ detail }) => { if (detail.ctx) isFetched(detail.ctx, false); });
  setInterval(() => { if (link.dataset.state === "live") seenAt = new Date(); }, 1000);
  open();
})();
