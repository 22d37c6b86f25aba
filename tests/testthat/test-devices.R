# What items draw goes nowhere, unless they open a device of their own; the session's are unharmed.

skip_on_cran()

# Opens a device on a file of this name, draws, has items do something, draws again and closes it.
# Gives the files that there are then, without what tells when they were made.
drawn_files <- function(open, items) {
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  open()
  plot(1:3)
  items()
  lines(3:1)
  dev.off()
  files <- list.files()
  contents <- lapply(files, function(file) readBin(file, "raw", file.size(file)))
  stats::setNames(lapply(contents, without_dates), files)
}

# The cairo library counts its surfaces.
without_dates <- function(bytes) {
  text <- rawToChar(bytes[bytes != 0])
  gsub("/(Creation|Mod)Date \\(D:[0-9]+\\)|surface[0-9]+", "", text, useBytes = TRUE)
}

devices <- list(
  pdf = function() grDevices::pdf("drawn.pdf"),
  postscript = function() grDevices::postscript("drawn%d.ps", onefile = FALSE),
  svg = function() grDevices::svg("drawn%d.svg"),
  png = function() grDevices::png("drawn%d.png"),
  xfig = function() grDevices::xfig("drawn.fig", onefile = TRUE)
)

can_open <- function(device) {
  switch(device, svg = capabilities("cairo"), png = capabilities("png"),
         xfig = getRversion() < "4.5.0", TRUE)
}

# What items do that may meet the session's device.
draw <- function(i) {
  plot(i)
  graphics::points(i, i)
  graphics::text(1, 1, "item")
  graphics::polygon(1:3, 1:3)
  i
}

close_device <- function(i) {
  draw(i)
  dev.off()
  i
}

close_all <- function(i) {
  draw(i)
  graphics.off()
  i
}

test_that("a device that the session has open is unharmed by what items draw, and by its closing", {
  for (device in Filter(can_open, names(devices))) {
    alone <- drawn_files(devices[[device]], function() NULL)
    for (item in list(draw, close_device, close_all)) {
      items <- function() {
        expect_identical(lomp_map(1:6, item, .workers = 6), as.list(1:6))
        it <- lomp_iterate(1:2, item, .workers = 2)
        expect_length(as.list(it), 2L)
      }
      expect_identical(drawn_files(devices[[device]], items), alone, label = device)
    }
  }
})

test_that("several devices of the session are unharmed", {
  open_all <- function() for (device in c("pdf", "postscript")) devices[[device]]()
  close_first <- function() {
    lomp_map(1:3, function(i) {
      for (device in dev.list()) {
        dev.set(device)
        draw(i)
      }
      graphics.off()
    }, .workers = 3)
    dev.off(dev.list()[[1L]])
  }
  without <- function() dev.off(dev.list()[[1L]])
  expect_identical(drawn_files(open_all, close_first), drawn_files(open_all, without))
})

test_that("what items draw without a device goes nowhere", {
  withr::local_dir(withr::local_tempdir())
  expect_null(dev.list())
  used <- lomp_map(1:4, function(i) {
    draw(i)
    names(dev.cur())
  }, .workers = 2)
  expect_identical(used, rep(list("pdf"), 4))
  lomp_map(1:2, function(i) {
    dev.new()
    draw(i)
  }, .workers = 2)
  expect_identical(list.files(), character())
  expect_null(dev.list())
})

test_that("an item can draw into a file of its own beside a device of the session's", {
  folder <- withr::local_tempdir()
  draw_own <- function(i) {
    grDevices::postscript(file.path(folder, i), onefile = TRUE)
    draw(1)
    dev.off()
  }
  drawn_files(devices$pdf, function() lomp_map(1:4, draw_own, .workers = 2))
  expect_identical(list.files(folder), as.character(1:4))
  draw_own(5)
  sizes <- file.size(file.path(folder, 1:5))
  expect_true(all(sizes == sizes[[5L]]), info = toString(sizes))
})
