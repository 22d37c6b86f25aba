# The keys of a plot, and where texts fit.

kinds_in <- function(report, is_low = FALSE) {
  lanes <- getFromNamespace("lanes_of", "lomp")(report, c(0, report$seconds), 400)
  keys_of_lanes(lanes, is_low)
}

# A device that draws nowhere.
on_device <- function(code, ...) {
  grDevices::pdf(NULL, ...)
  on.exit(grDevices::dev.off())
  force(code)
}

test_that("keys tell what there is to see, and nothing else", {
  kinds <- kinds_of_reports()
  expect_identical(kinds_in(kinds$named)$kind, "ok")
  expect_identical(kinds_in(kinds$deaths)$kind, c("ok", "error", "crash", "timeout", "restart"))
  expect_identical(kinds_in(kinds$iterator)$kind, c("ok", "wait"))
  expect_identical(kinds_in(kinds$empty)$kind, character())
  idle <- a_report(c(1, 1), 2)
  idle$workers$end <- idle$seconds <- 2
  expect_identical(kinds_in(idle)$kind, c("ok", "alive"))
})

test_that("the key of work says what it looks like", {
  kinds <- kinds_of_reports()
  expect_identical(kinds_in(kinds$binned)$word[[1]], "in .f (height: share of time)")
  expect_identical(kinds_in(kinds$binned, TRUE)$word[[1]], "in .f (shade: share of time)")
  expect_identical(kinds_in(kinds$many_workers, TRUE)$word[[1]], "in .f (two tones by turns)")
})

test_that("keys have colours, shapes and hatchings of their own in both palettes", {
  for (look in list(plot_look(FALSE), plot_look(TRUE))) {
    expect_true(all(names(outcome_words) %in% names(look$fills)))
    expect_identical(anyDuplicated(look$fills[c("ok", "error", "crash", "timeout", "wait")]), 0L)
    expect_identical(anyDuplicated(look$shapes), 0L)
    expect_identical(names(look$lines), names(memory_words))
    expect_identical(anyDuplicated(look$dashes), 0L)
  }
})

test_that("keys go on in a new row where there is no room", {
  on_device({
    graphics::plot.new()
    keys <- data.frame(kind = c("ok", "error", "crash"), word = c("in .f", "error", "crash"))
    expect_identical(arrange_keys(keys, 100, 0.1)$row, c(1L, 1L, 1L))
    narrow <- arrange_keys(keys, 0.2, 0.1)
    expect_identical(narrow$row, 1:3)
    expect_identical(narrow$x, c(0, 0, 0))
    expect_identical(count_rows(narrow), 3L)
    expect_identical(count_rows(arrange_keys(keys[0, ], 1, 0.1)), 0L)
  })
})

test_that("a text is cut to the room that it has", {
  on_device({
    graphics::plot.new()
    wide <- function(text) graphics::strwidth(text, "inches")
    text <- strrep("word ", 60)
    expect_identical(fit_text("word", 5), "word")
    cut <- fit_text(text, 2)
    expect_match(cut, "^word .*[.]{3}$")
    expect_lte(wide(cut), 2)
    expect_gt(wide(sub("...", "wo...", cut, fixed = TRUE)), 2)
    expect_identical(fit_text(text, 0.01), "")
  })
})

test_that("characters that a device hasn't got are no warning", {
  on_device({
    graphics::plot.new()
    expect_silent(fit_text("\u65e5\u672c\u8a9e", 0.1))
    expect_warning(quietly_drawn(warning("other")), "other")
  })
})

test_that("inches are where they are in the plot's units", {
  on_device({
    graphics::par(plt = c(0.25, 0.75, 0.5, 1))
    graphics::plot.new()
    graphics::plot.window(c(0, 10), c(0, 1), xaxs = "i", yaxs = "i")
    expect_equal(x_of(c(2, 4, 6)), c(0, 5, 10))
    expect_equal(y_of(c(2, 3, 4)), c(0, 0.5, 1))
  }, width = 8, height = 4)
})
