// One deep-zoom viewer (OpenSeadragon) and the pictures in it.

/* global OpenSeadragon */

import { problemWith } from "./talk.js";

/** The tile source of a layer of the stage; `url` is the address below which its tiles lie. */
export function tileSource(stage, url) {
  const maxLevel = Math.ceil(Math.log2(Math.max(stage.width, stage.height, 1)));
  return {
    width: stage.width,
    height: stage.height,
    tileSize: stage.tileSize,
    tileOverlap: stage.overlap,
    minLevel: Math.min(8, maxLevel),
    maxLevel,
    getTileUrl: (level, x, y) => `${url}${level}/${x}_${y}`,
  };
}

/**
 * OpenSeadragon would add a style element, which the desk's policy forbids; it adds none where it finds one.
 * Its one rule is in stage.css. This element only bears the name: in no namespace, it styles nothing.
 */
function standInForStyle() {
  if (document.querySelector("style[data-openseadragon-mobile-css]")) return;
  const stand = document.createElementNS("about:none", "style");
  stand.setAttribute("data-openseadragon-mobile-css", "true");
  document.head.append(stand);
}

/** Give the name of a view to what has the focus in it: what lies within an image has no name of its own. */
function takeName(canvas, element) {
  for (const name of ["role", "aria-label"]) {
    canvas.setAttribute(name, element.getAttribute(name));
    element.removeAttribute(name);
  }
}

/** Make a viewer without controls of its own; the page has them, with labels and keys. */
export function makeViewer(element) {
  standInForStyle();
  const viewer = OpenSeadragon({
    element,
    drawer: "canvas",
    showNavigationControl: false,
    prefixUrl: "",
    animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.3,
    springStiffness: 12,
    visibilityRatio: 0.5,
    minZoomImageRatio: 0.7,
    maxZoomPixelRatio: 16,
    zoomPerScroll: 1.25,
    imageSmoothingEnabled: true,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsPen: { clickToZoom: false },
  });
  // The page's keys, not the viewer's: one letter must not mean two things. Arrows move the picture that has the focus.
  viewer.addHandler("canvas-key", (event) => {
    event.preventDefaultAction = !event.originalEvent.key.startsWith("Arrow");
  });
  takeName(viewer.canvas, element);
  viewer.addHandler("zoom", () => {
    const pixels = viewer.world.getItemCount() ? scaleOf(viewer) : 1;
    viewer.drawer.setImageSmoothingEnabled(pixels < 3);
  });
  return viewer;
}

/** Screen pixels per pixel of the picture. */
export function scaleOf(viewer) {
  const image = viewer.world.getItemAt(0);
  return image ? image.viewportToImageZoom(viewer.viewport.getZoom(true)) : 1;
}

/** Add a picture to a viewer; resolves to the OpenSeadragon image. */
export function addPicture(viewer, stage, url, options = {}) {
  return new Promise((resolve, reject) => {
    viewer.addTiledImage({
      tileSource: tileSource(stage, url),
      x: 0,
      y: 0,
      width: 1,
      ...options,
      success: (event) => resolve(event.item),
      error: (event) => reject(new Error(event.message)),
    });
  });
}

/** Show how loading goes: `busy` until the first tile is there, `problem` with the desk's words if it fails. */
export function watchLoading(viewer, busy, problem) {
  viewer.addHandler("tile-loaded", () => {
    busy.hidden = true;
  });
  let asked = false;
  viewer.addHandler("tile-load-failed", async (event) => {
    if (asked) return;
    asked = true;
    const words = await problemWith(event.tile.getUrl());
    if (!words) return;
    busy.hidden = true;
    problem.textContent = words;
    problem.hidden = false;
  });
}

/** Keep viewers of the same size at the same place and zoom. Returns a function that ends it. */
export function keepTogether(viewers) {
  let following = false;
  const handlers = viewers.map((leader) => {
    const follow = () => {
      if (following) return;
      following = true;
      for (const other of viewers) {
        if (other === leader) continue;
        other.viewport.zoomTo(leader.viewport.getZoom(true), null, true);
        other.viewport.panTo(leader.viewport.getCenter(true), true);
        other.viewport.applyConstraints(true);
      }
      following = false;
    };
    leader.addHandler("viewport-change", follow);
    return () => leader.removeHandler("viewport-change", follow);
  });
  return () => handlers.forEach((end) => end());
}

/** Wire the zoom buttons and show the zoom. */
export function wireZoom(viewer, root) {
  const value = root.querySelector("[data-zoom-value]");
  const show = () => {
    value.textContent = `${Math.round(scaleOf(viewer) * 100)} %`;
  };
  viewer.addHandler("update-viewport", show);
  const commands = {
    in: () => viewer.viewport.zoomBy(1.5),
    out: () => viewer.viewport.zoomBy(1 / 1.5),
    fit: () => viewer.viewport.goHome(),
    full: () => viewer.viewport.zoomTo(viewer.world.getItemAt(0).imageToViewportZoom(1)),
  };
  for (const button of root.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      commands[button.dataset.zoom]();
      viewer.viewport.applyConstraints();
    });
  }
  return commands;
}
