# What a call says of its machines.

new_answer <- function(...) {
  values <- list(...)
  answer <- list(id = "id", host = "node1", pid = 12L, lomp = "1.2.0", R = "4.2.2", workers = 2L)
  answer[names(values)] <- values
  answer
}

check <- function(..., plan = list(call = new_call())) {
  with_lomp("own_version", function() "1.3.0", check_machines(list(...), plan))
}

# Texts hold the version of the R that runs the tests.
with_any_r <- function(cnd) {
  cnd$message <- sub(paste("session R", getRversion()), "session R <version>", cnd$message,
                     fixed = TRUE)
  cnd
}

test_that("machines that can't be used are named before anything is sent", {
  old <- new_answer(problem = "version")
  absent <- list(problem = "absent", host = "node2", pid = 7L, R = "4.2.2")
  for (answers in list(list(old), list(new_answer(), absent))) {
    cnd <- caught(do.call(check, answers))
    expect_s3_class(cnd, c("lomp_machine_error", "lomp_error", "error", "condition"))
  }
  expect_messages(caught(check()), caught(check(old)), caught(check(absent, new_answer(), old)),
                  caught(check(old, absent, old)))
})

test_that("another R is told of, once, and is no error", {
  own <- as.character(getRversion())
  plan <- list(call = new_call())
  check(new_answer(R = own), plan = plan)
  expect_length(plan$call$complaints, 0)
  check(new_answer(R = own), new_answer(R = "2.15.3"), plan = plan)
  check(new_answer(R = "2.15.3"), new_answer(R = "2.14.0"), plan = plan)
  expect_length(plan$call$complaints, 2)
  expect_s3_class(plan$call$complaints[[1L]], c("lomp_machine_version", "warning"))
  do.call(expect_messages, lapply(plan$call$complaints, with_any_r))
})

test_that("what is said while a call runs reads well", {
  machine <- list(host = "node1", pid = 12L)
  named <- list(names = c("a", "b"))
  late <- with_lomp("own_version", function() "1.3.0",
                    warning_of_machine(new_answer(problem = "version")))
  expect_s3_class(late, c("lomp_machine_unused", "warning"))
  lost <- new_stranded(2, machine, named)
  expect_s3_class(lost, c("lomp_machine_lost", "lomp_crash", "lomp_error"))
  expect_identical(lost[c("item", "name", "host")], list(item = 2, name = "b", host = "node1"))
  failed <- new_machine_error("disk on fire", machine)
  expect_identical(failed$host, "node1")
  expect_messages(late, lost, new_stranded(2, list(), list()), failed,
                  new_machine_error("no daemon is connected any more"))
})

# ---- With daemons -------------------------------------------------------------------------------

without_place <- function(cnd) {
  cnd$message <- sub("^.* \\(process [0-9]+\\)", "<host> (process <pid>)", cnd$message)
  cnd
}

test_that("a daemon of another version is refused", {
  machines <- local_machines(1)
  cnd <- with_lomp("own_version", function() "999.1", {
    caught(lomp_map(1:2, identity, .compute = machines$profile))
  })
  expect_s3_class(cnd, "lomp_machine_error")
  cnd <- without_place(cnd)
  cnd$message <- sub("has lomp [0-9.]+,", "has lomp <version>,", cnd$message)
  expect_messages(cnd)
  expect_identical(lomp_map(1:2, identity, .compute = machines$profile), list(1L, 2L))
})

# A library that has what a daemon needs, and nothing of lomp's.
local_library <- function(env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  for (package in c("mirai", "nanonext")) {
    file.symlink(find.package(package), file.path(folder, package))
  }
  folder
}

add_without_lomp <- function(machines, library) {
  bare <- paste0(c("R_LIBS", "R_LIBS_SITE", "R_LIBS_USER"), "=", library, collapse = " ")
  machines$add(command = paste("env", bare))
}

without_version <- function(cnd) {
  cnd$message <- sub(own_version(), "<version>", cnd$message, fixed = TRUE)
  without_place(cnd)
}

test_that("a daemon without lomp is refused, and has its row", {
  machines <- local_machines(0)
  add_without_lomp(machines, local_library())
  cnd <- caught(lomp_map(1:2, identity, .compute = machines$profile))
  expect_s3_class(cnd, "lomp_machine_error")
  expect_messages(without_version(cnd))
  table <- lomp_machines(machines$profile)
  expect_true(is.na(table$lomp))
  expect_match(table$problem, "^has no lomp")
})

test_that("one that comes later isn't used, and a warning says so", {
  machines <- local_machines(1)
  library <- local_library()
  begin <- function(done, total) if (done == 0) add_without_lomp(machines, library)
  with_flag(function(flag) {
    leave_out <- getFromNamespace("leave_out", "lomp")
    noted <- function(task, answer, state) {
      raise(flag)
      leave_out(task, answer, state)
    }
    wait <- function(i) {
      while (!file.exists(flag)) Sys.sleep(0.01)
      i
    }
    warnings <- with_lomp("leave_out", noted, warnings_of({
      result <- lomp_map(1:3, wait, .compute = machines$profile, .progress = begin)
    }))
    expect_identical(result, as.list(1:3))
    do.call(expect_messages, lapply(warnings, without_version))
  })
})
