# Steps that each machine gets once.

skip_without_mirai()

# How many tasks a profile has done until now.
completed <- function(machines) mirai::info(machines$profile)[["completed"]]

ask_for_test <- function(machines, step) {
  net <- list(profile = machines$profile, timeout = 30)
  step <- c(step, list(lomp = own_version(), kind = "look", seconds = 0, open = character(),
                       forget = FALSE))
  send_to_all(net, step, new_call(goes_on = FALSE))
}

test_that("each machine is asked, and answers once", {
  machines <- local_machines(3)
  for (k in 1:5) {
    answers <- ask_for_test(machines, list())
    expect_setequal(vapply(answers, function(answer) answer$pid, 0L), machines$pids)
    expect_length(answers, 3)
  }
})

test_that("a large piece isn't sent once more to those that have it", {
  machines <- local_machines(2)
  piece <- list(from = 0, bytes = raw(2 * small_piece))
  before <- completed(machines)
  for (k in 1:5) ask_for_test(machines, list(piece = piece))
  expect_lte(completed(machines) - before, 10)
})

test_that("those that are busy aren't waited for", {
  machines <- local_machines(2)
  task <- mirai::mirai(nanonext::msleep(60000), .compute = machines$profile)
  expect_true(wait_until(mirai::info(machines$profile)[["executing"]] == 1))
  expect_length(ask_for_test(machines, list()), 1)
  mirai::stop_mirai(task)
})

test_that("a machine on which lomp's own code fails is told of at once", {
  machines <- local_machines(1)
  machines$add(options = list(lomp.kept_bytes = "much"))
  cnd <- caught(lomp_map(1:2, identity, .compute = machines$profile))
  expect_s3_class(cnd, "lomp_machine_error")
  expect_match(conditionMessage(cnd), "lomp.kept_bytes")
})

test_that("a machine may keep nothing for later calls", {
  machines <- local_machines(0)
  machines$add(options = list(lomp.kept_bytes = 0))
  for (k in 1:2) {
    expect_identical(lomp_map(1:2, function(i) i + k, .compute = machines$profile),
                     list(1L + k, 2L + k))
  }
})

test_that("steps of many machines last longer", {
  net <- list(sent = list(tasks = vector("list", 1000)))
  expect_equal(seconds_of_step(net), 5)
  net$sent$tasks <- vector("list", 2)
  expect_equal(seconds_of_step(net), step_seconds)
})
