#include "worker/devices.h"

#include <Rinternals.h>
// Behind the headers of R.
#include <R_ext/GraphicsEngine.h>

namespace lomp {

namespace {

template <class Result>
Result nothing() {
  return Result();
}
template <>
SEXP nothing() {
  return R_NilValue;
}

// Of what a device can do, one thing. What it hasn't stays so.
template <class Result, class... Arguments>
void silence(Result (*&function)(Arguments...)) {
  if (function == nullptr) return;
  function = [](Arguments...) { return nothing<Result>(); };
}

template <class... Functions>
void silence_all(Functions&... functions) {
  (silence(functions), ...);
}

// All that draws, talks to a display or ends a file. What measures (sizes, widths of text) stays.
void silence(DevDesc& d) {
  silence_all(d.activate, d.deactivate, d.close, d.mode, d.newPage, d.clip, d.locator, d.cap,
              d.onExit, d.newFrameConfirm, d.eventHelper, d.holdflush);
  silence_all(d.circle, d.line, d.polygon, d.polyline, d.rect, d.path, d.raster, d.text,
              d.textUTF8);
#if R_GE_version >= 13
  silence_all(d.setPattern, d.releasePattern, d.setClipPath, d.releaseClipPath, d.setMask,
              d.releaseMask);
#endif
#if R_GE_version >= 15
  silence_all(d.defineGroup, d.useGroup, d.releaseGroup, d.stroke, d.fill, d.fillStroke);
#endif
#if R_GE_version >= 16
  silence_all(d.glyph);
#endif
}

}  // namespace

void silence_devices() {
  int device = 0;
  for (int left = Rf_NumDevices() - 1; left > 0; --left) {  // there always is the null device
    device = Rf_nextDevice(device);
    const pGEDevDesc found = GEgetDevice(device);
    if (found != nullptr && found->dev != nullptr) silence(*found->dev);
  }
}

}  // namespace lomp
