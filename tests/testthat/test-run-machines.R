# Machines with other work, those that come, and those that can't be used.

skip_without_mirai()
skip_in_light_run()
take_item_tools()

# ---- Machines that have other work --------------------------------------------------------------

test_that("a daemon with other work isn't waited for, and the others are used", {
  machines <- local_machines(2)
  with_flag(function(flag) {
    other <- mirai::mirai({
      wait_for(flag)
      "done"
    }, .args = list(wait_for = wait_for, flag = flag), .compute = machines$profile)
    expect_true(wait_until(mirai::info(machines$profile)[["executing"]] == 1))
    result <- lomp_map(1:6, function(i) own_daemon(), .compute = machines$profile)
    expect_length(unique(result), 1)
    expect_true(mirai::unresolved(other))
    raise(flag)
    expect_identical(other[], "done")
    result <- mirai::mirai_map(1:4, function(i) i + 1, .compute = machines$profile)
    expect_identical(result[], list(2, 3, 4, 5))
  })
})

test_that("daemons that are ended in the middle of a call end it", {
  machines <- local_machines(1)
  with_flag(function(flag) {
    end <- function() mirai::daemons(0, .compute = machines$profile)
    expect_gone(cnd <- caught(when_begun(1, flag, end, lomp_map(1:4, function(i) {
      begin_item(flag, i)
      message("go")
      wait_for(flag)
      i
    }, .compute = machines$profile))))
    expect_s3_class(cnd, "lomp_machine_error")
    expect_match(conditionMessage(cnd), "daemons of its profile were ended")
  })
})

# ---- Machines that come and are cut off ---------------------------------------------------------

test_that("a daemon that comes gets large constants, once, and may be cut off", {
  machines <- local_machines(1)
  relay <- local_relay(machines)
  first <- machines$pids[[1]]
  withr::local_options(lomp.output = "live")
  large <- sqrt(seq_len(1.5e6))
  with_flag(function(flag) {
    cut <- paste0(flag, "-cut")
    item <- function(i) {
      begin_item(flag, i)
      message(if (own_daemon() == first) "go" else "cut")
      while (!file.exists(cut)) Sys.sleep(0.01)
      large[[i]]
    }
    come <- function() start_daemon(machines, url = relay$url)
    expect_gone(result <- when_begun(1, flag, come, withCallingHandlers(
      lomp_map(1:40, item, .compute = machines$profile, .timeout = 200),
      message = function(cnd) {
        if (conditionMessage(cnd) != "cut\n" || file.exists(cut)) return()
        relay$drop()
        raise(cut)
      }
    )))
    expect_identical(unlist(result), sqrt(1:40))
  })
  sent <- relay$bytes()[["from"]]
  expect_gt(sent, 8 * length(large))
  expect_lt(sent, 1.5 * 8 * length(large))  # one piece may be on its way twice
  expect_true(wait_until(!any(is_alive(machines$pids[[2]])), 20))
})

test_that("a daemon without lomp that comes isn't used, and takes no part", {
  machines <- local_machines(1)
  bare <- tempfile("library")
  dir.create(bare)
  withr::defer(unlink(bare, recursive = TRUE))
  for (package in c("mirai", "nanonext")) file.symlink(find.package(package), bare)
  code <- shQuote("quit(status = requireNamespace(\"lomp\", quietly = TRUE))")
  has_lomp <- system(sprintf("R_LIBS=%s R_LIBS_USER=%s %s -e %s", shQuote(bare), shQuote(bare),
                             rscript_command(), code), ignore.stderr = TRUE)
  skip_if(has_lomp != 0, "lomp is in a library that all processes have")
  with_flag(function(flag) {
    expect_warning(result <- when_begun(1, flag, function() {
      start_daemon(machines, command = sprintf("env R_LIBS=%s R_LIBS_USER=%s", bare, bare))
      wait_until(connections_of(machines) == 2, 60)
      raise(flag)
    }, lomp_map(1:4, function(i) {
      begin_item(flag, i)
      message("go")
      wait_for(flag)
      Sys.sleep(2)
      i
    }, .compute = machines$profile)), class = "lomp_machine_unused")
    expect_identical(result, as.list(1:4))
  })
  expect_error(lomp_map(1:2, identity, .compute = machines$profile), "has no lomp",
               class = "lomp_machine_error")
})
