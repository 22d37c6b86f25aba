# The example service of plumber.

# Its address, with photographs that take a worker a second or so.
start_service <- function(photos, env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  for (name in photos) save_photo(file.path(folder, name), 1, 40)
  port <- free_port()
  run <- start_r(quote({
    options(lomp.workers = 2)
    service <- plumber::pr(system.file("examples", "plumber.R", package = "lomp"))
    plumber::pr_run(service, port = port, docs = FALSE, quiet = TRUE)
  }), list(port = port), env = c(LOMP_PHOTOS = folder))
  withr::defer(end_run(run), env)
  service <- list(run = run, url = sprintf("http://127.0.0.1:%d", port))
  is_up <- wait_until(!inherits(try(curl::curl_fetch_memory(paste0(service$url, "/photos")),
                                    silent = TRUE), "try-error"), 30)
  if (!is_up) stop(paste("the service doesn't answer:", told(finish_r(run, 0))))
  service
}

# Asks for all of these at once. The answers, in the order in which they came.
ask_at_once <- function(service, paths) {
  answers <- list()
  pool <- curl::new_pool(host_con = length(paths))
  for (path in paths) local({
    asked <- path
    curl::curl_fetch_multi(
      paste0(service$url, path), pool = pool, fail = stop,
      done = function(answer) {
        found <- list(asked = asked, status = answer$status_code,
                      value = jsonlite::fromJSON(rawToChar(answer$content)))
        answers <<- c(answers, list(found))
      }
    )
  })
  curl::multi_run(timeout = 60, pool = pool)
  answers
}

test_that("a handler's photograph is scored in a worker while others are answered", {
  skip_on_cran()
  skip_without_proc()
  for (package in c("plumber", "promises", "curl", "jsonlite")) skip_if_not_installed(package)
  photos <- c("a.png", "b.png", "c.png")
  service <- start_service(photos)
  scores <- sprintf("/scores?name=%s", photos)
  answers <- ask_at_once(service, scores[1:2])
  expect_equal(vapply(answers, `[[`, 0, "status"), c(200, 200))
  expect_gt(answers[[1]]$value$entropy, 0)
  # The third has no worker as long as both are busy, and is told so. Who asks for something else is
  # answered before the last photograph is done.
  answers <- ask_at_once(service, c(scores, "/photos", "/scores?name=none.png"))
  status <- vapply(answers, `[[`, 0, "status")
  asked <- vapply(answers, `[[`, "", "asked")
  expect_true(asked[[5]] %in% scores)
  expect_true(all(status[asked %in% scores] %in% c(200, 503)))
  expect_gte(sum(status[asked %in% scores] == 200), 2)
  expect_equal(status[match(c("/photos", "/scores?name=none.png"), asked)], c(200, 404))
  expect_true(wait_until(length(children_of(service$run$pid)) == 0))
})
