# The example app of Shiny, in a browser.

# The app's process and its page, until the test ends.
start_app <- function(photos, env = parent.frame()) {
  skip_without_browser()
  folder <- withr::local_tempdir(.local_envir = env)
  for (k in seq_len(photos)) save_photo(file.path(folder, sprintf("photo%02d.png", k)), k)
  port <- free_port()
  run <- start_r(quote({
    options(lomp.workers = 2)
    app <- system.file("examples", "shiny", package = "lomp")
    shiny::runApp(app, port = port, launch.browser = FALSE)
  }), list(port = port), env = c(LOMP_PHOTOS = folder))
  withr::defer(end_run(run), env)
  app <- list(run = run, browser = start_browser(env), url = sprintf("http://127.0.0.1:%d", port))
  open_app(app)
  app
}

# The server may need its time to be there, and the page to be ready.
open_app <- function(app) {
  is_open <- wait_until({
    go_to(app$browser, app$url)
    isTRUE(in_page(app$browser, "return window.Shiny?.shinyapp?.isConnected()"))
  }, 30)
  if (!is_open) stop(paste("the app doesn't open:", told(finish_r(app$run, 0))))
}

click <- function(app, id) {
  in_page(app$browser, sprintf("document.getElementById('%s').click()", id))
}

tiles <- function(app) in_page(app$browser, "return document.querySelectorAll('.tile img').length")

words <- function(app) {
  in_page(app$browser, "const bar = document.getElementById('bar'); return bar.innerText.trim()")
}

# How many milliseconds it takes until a click on a tile has its answer.
answer_time <- function(app, tile) {
  later_in_page(app$browser, sprintf("
    const began = performance.now();
    const seen = new MutationObserver(() => {
      seen.disconnect();
      done(performance.now() - began);
    });
    seen.observe(document.getElementById('detail'), {childList: true, subtree: true});
    document.querySelectorAll('.tile')[%d].click();", tile - 1L))
}

workers_of <- function(app) children_of(app$run$pid)

test_that("tiles appear while workers go on, and the app answers meanwhile", {
  app <- start_app(16)
  click(app, "start")
  expect_true(wait_until(tiles(app) >= 2))
  # How fast it is depends on who else wants the processors.
  times <- vapply(rep(1:2, 3), function(tile) answer_time(app, tile), 0)
  expect_lt(min(times), 200)
  expect_lt(tiles(app), 16)
  expect_gt(length(workers_of(app)), 0)
  expect_match(in_page(app$browser, "return document.getElementById('detail').innerText"),
               "photo[0-9]+.png")
  expect_true(wait_until(identical(words(app), "Done.")))
  expect_equal(tiles(app), 16)
  expect_equal(in_page(app$browser, "return document.getElementById('done').value"), 16)
  expect_true(wait_until(length(workers_of(app)) == 0))
})

test_that("Cancel ends the workers, and so does a tab that is closed", {
  app <- start_app(30)
  click(app, "start")
  expect_true(wait_until(tiles(app) >= 1))
  expect_gt(length(workers_of(app)), 0)
  click(app, "cancel")
  expect_true(wait_until(identical(words(app), "Cancelled.")))
  expect_true(wait_until(length(workers_of(app)) == 0))
  expect_lt(tiles(app), 30)
  click(app, "start")
  expect_true(wait_until(length(workers_of(app)) > 0))
  close_tab(app$browser)
  expect_true(wait_until(length(workers_of(app)) == 0))
  open_app(app)  # the app itself goes on
})
