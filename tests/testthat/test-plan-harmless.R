# The table of classes whose pointers needn't be alive, and the option that adds to it.

# These take too long for each of CRAN's machines.
skip_on_cran()

a_reference <- function() getNativeSymbolInfo("unif_rand")$address

warnings_from <- function(make, workers = 1) {
  warnings_of(lomp_map(1:2, make, .workers = workers))
}

test_that("objects of the classes in the table are given without a word", {
  for (class in harmless_classes) {
    make <- function(i) structure(list(handle = a_reference()), class = class)
    for (workers in 0:2) expect_length(warnings_from(make, workers), 0)
  }
})

test_that("recorded plots are given without a word, and can be replayed", {
  record <- function(i) {
    grDevices::pdf(NULL)
    on.exit(grDevices::dev.off())
    grDevices::dev.control("enable")
    plot(i)
    grDevices::recordPlot()
  }
  plots <- NULL
  expect_length(warnings_of(plots <- lomp_map(1:2, record, .workers = 2)), 0)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_silent(grDevices::replayPlot(plots[[2]]))
})

test_that("the models of lme4 are given without a word, and work", {
  skip_if_not_installed("lme4")
  # No test needs it, so the package doesn't name it.
  lmer <- getExportedValue("lme4", "lmer")
  sleepstudy <- getExportedValue("lme4", "sleepstudy")
  fit <- function(i) lmer(Reaction ~ Days + (Days | Subject), sleepstudy)
  models <- NULL
  for (workers in 1:2) {
    expect_length(warnings_of(models <- lomp_map(1:2, fit, .workers = workers)), 0)
    expect_equal(stats::predict(models[[2]]), stats::predict(fit(2)))
    expect_equal(stats::simulate(models[[2]], seed = 1), stats::simulate(fit(2), seed = 1))
  }
})

test_that("the user's classes are added to the table", {
  make <- function(i) structure(list(a_reference()), class = "lomp_mine")
  expect_length(warnings_from(make), 1)
  with_options(list(lomp.harmless_pointers = c("lomp_mine", "lomp_yours")), {
    expect_length(warnings_from(make), 0)
    expect_identical(harmless_pointers(), c(harmless_classes, "lomp_mine", "lomp_yours"))
  })
  with_options(list(lomp.harmless_pointers = character()), {
    expect_identical(harmless_pointers(), harmless_classes)
  })
})

test_that("an option that is no character vector is refused", {
  for (wrong in list(1, TRUE, NA_character_, c("a", NA), list("a"), quote(a), factor("a"))) {
    with_options(list(lomp.harmless_pointers = wrong), {
      for (run in list(lomp_map, lomp_iterate)) {
        expect_argument_error(run(1, identity), "option lomp.harmless_pointers")
      }
    })
  }
})

test_that("the message on a wrong option reads well", {
  with_options(list(lomp.harmless_pointers = 1), expect_messages(caught(lomp_map(1, identity))))
})
