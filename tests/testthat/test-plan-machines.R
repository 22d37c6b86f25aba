# Whether a profile of mirai's can be used for a call, and what its user is told if not.

# A profile that daemons may connect to, without any.
local_profile <- function(..., env = parent.frame()) {
  skip_without_mirai()
  profile <- sprintf("profile-%d-%d", Sys.getpid(), next_set())
  mirai::daemons(url = "tcp://127.0.0.1:0", ..., .compute = profile)
  withr::defer(mirai::daemons(0, .compute = profile), env)
  profile
}

on_profile <- function(compute, ...) lomp_map(1:2, identity, ..., .compute = compute)

test_that("what is no profile's name is refused", {
  for (value in list(3, character(), NA_character_, "", c("a", "b"), list("a"))) {
    expect_argument_error(on_profile(value), ".compute")
  }
  expect_messages(caught(on_profile(3)), caught(on_profile(character())),
                  caught(lomp_vapply(1, identity, 0, .compute = "")),
                  caught(lomp_iterate(1, identity, .compute = NA)), caught(lomp_machines(1)))
})

test_that("mirai is asked for by name where it isn't", {
  cnd <- with_lomp("has_mirai", function() FALSE, caught(on_profile("there")))
  expect_s3_class(cnd, c("lomp_package_error", "error", "condition"), exact = TRUE)
  expect_identical(cnd$package, "mirai")
  expect_messages(cnd)
})

test_that("profiles without daemons or dispatcher are refused", {
  profile <- local_profile(dispatcher = FALSE)
  expect_argument_error(on_profile("nobody-has-it"), ".compute")
  expect_argument_error(on_profile(profile), ".compute")
  expect_messages(caught(on_profile("nobody-has-it")), caught(on_profile(profile)),
                  caught(lomp_machines("nobody-has-it")))
})

test_that("an item can't use the session's connections", {
  skip_without_mirai()
  cnd <- caught(lomp_map(1, function(i) on_profile("there"), .workers = 1))
  expect_s3_class(cnd$parent, "lomp_argument_error")
  expect_messages(cnd$parent)
})

test_that("nobody comes: the call is told in time, before anything is begun", {
  profile <- local_profile()
  cnd <- with_options(list(lomp.machine_timeout = 0.1), caught(on_profile(profile)))
  expect_s3_class(cnd, "lomp_machine_error")
  cnd$message <- sub(profile, "<profile>", cnd$message, fixed = TRUE)
  expect_messages(cnd)
})

test_that("a machine has workers beside its daemon, as many as it is told to", {
  machines <- local_machines(1, cores = 2)
  with_workers <- function(...) on_profile(machines$profile, ...)
  expect_argument_error(with_workers(.workers = 0), ".workers")
  expect_argument_error(with_workers(.workers = -1), ".workers")
  expect_messages(caught(with_workers(.workers = 0)), caught(with_workers(.workers = "two")))
  plan <- getFromNamespace("plan_machines", "lomp")
  expect_null(plan(NULL, 3))
  expect_identical(plan(machines$profile, NULL),
                   list(profile = machines$profile, machines = 1L, workers = NULL))
  expect_identical(as.numeric(plan(machines$profile, 3)$workers), 3)
})

test_that("options that make no sense are refused by their names", {
  machine_timeout <- getFromNamespace("machine_timeout", "lomp")
  lost_items <- getFromNamespace("lost_items", "lomp")
  with_options(list(lomp.machine_timeout = NULL, lomp.lost_items = NULL), {
    expect_identical(machine_timeout(), 30)
    expect_identical(lost_items(), "again")
  })
  with_options(list(lomp.machine_timeout = "long", lomp.lost_items = "never"), {
    expect_messages(caught(machine_timeout()), caught(lost_items()))
  })
})
