# Machines that die or stand still: what they had is run elsewhere, or is named.

skip_without_mirai()
skip_in_light_run()
take_item_tools()

# ---- Machines that die --------------------------------------------------------------------------

test_that("items of a machine that is killed are run elsewhere, even at the end of the call", {
  machines <- local_machines(2)
  with_flag(function(flag) {
    killed <- machines$pids[[2]]
    slow <- function(i) {
      begin_item(flag, i)
      if (i > 2) say_until(flag)
      c(i, own_daemon())
    }
    expect_gone(result <- when_begun(4, flag, function() {
      machines$kill(2)
      raise(flag)
    }, lomp_map(1:4, slow, .compute = machines$profile), seconds = 0.1))
    expect_identical(vapply(result, function(r) r[[1]], 0L), 1:4)
    expect_false(killed %in% vapply(result[3:4], function(r) r[[2]], 0L))
  })
  expect_no_machine_children(machines)
})

test_that("a machine that ends between two of its answers is missed", {
  machines <- local_machines(2)
  with_flag(function(flag) {
    expect_gone(result <- when_begun(2, flag, function() {
      # Each step is over by then, and its answer isn't read.
      is_free(machines)
      machines$kill(2)
      raise(flag)
    }, lomp_map(1:8, function(i) {
      begin_item(flag, i)
      message("go")
      wait_for(flag)
      i
    }, .compute = machines$profile)))
    expect_identical(result, as.list(1:8))
  })
})

test_that("a machine that somebody interrupts loses what it had underway", {
  machines <- local_machines(2)
  with_flag(function(flag) {
    result <- suppressWarnings(when_begun(2, flag, function() {
      tools::pskill(machines$pids[[2]], tools::SIGINT)
      raise(flag)
    }, lomp_map(1:20, function(i) {
      begin_item(flag, i)
      message("go")
      wait_for(flag)
      i
    }, .compute = machines$profile)), "lomp_machine_gone")
    expect_identical(result, as.list(1:20))
  })
})

test_that("a machine whose answer didn't come has nothing that counts any more", {
  machine <- list2env(list(answers = 0))
  expect_false(has_missed(machine, list()))
  expect_false(has_missed(machine, list(nth = 1)))
  expect_false(has_missed(machine, list(nth = 2, is_over = TRUE)))
  expect_false(has_missed(machine, list(nth = 1)))
  expect_true(has_missed(machine, list(nth = 3)))
})

test_that("a call goes on with a daemon that comes when all others have gone", {
  machines <- local_machines(1)
  with_flag(function(flag) {
    expect_gone(result <- when_begun(1, flag, function() {
      machines$kill(1)
      machines$add()
      raise(flag)
    }, lomp_map(1:4, function(i) {
      begin_item(flag, i)
      message("go")
      wait_for(flag)
      i * 2
    }, .compute = machines$profile)))
    expect_identical(result, list(2, 4, 6, 8))
  })
})

test_that("without any daemon a call ends, and what had come is kept", {
  machines <- local_machines(1)
  withr::local_options(lomp.machine_timeout = 15)
  with_flag(function(flag) {
    expect_gone(cnd <- caught(when_begun(3, flag, function() {
      machines$kill(1)
    }, lomp_map(1:4, function(i) {
      begin_item(flag, i)
      if (i == 2) message("go")
      if (i == 3) wait_for(flag)
      i
    }, .compute = machines$profile))))
    expect_s3_class(cnd, "lomp_machine_error")
    expect_match(conditionMessage(cnd), "no daemon is connected any more")
    expect_identical(lomp_last()$results[[1]], 1L)
    expect_s3_class(lomp_last()$results[[4]], "lomp_not_run")
  })
})

test_that("an item that is lost twice isn't run once more", {
  machines <- local_machines(3)
  ends <- function(i) {
    if (i == 2) tools::pskill(own_daemon(), tools::SIGKILL)
    if (i == 2) Sys.sleep(60)
    i
  }
  result <- suppressWarnings(lomp_map(1:6, ends, .compute = machines$profile,
                                      .on_error = "collect"))
  is_lost <- vapply(result, inherits, NA, "lomp_machine_lost")
  expect_true(is_lost[[2]])
  expect_match(conditionMessage(result[[2]]), "item 2: its machine .*was lost")
  expect_identical(result[lomp_ok(result)], as.list(1:6)[lomp_ok(result)])
  expect_true(all(is_lost | lomp_ok(result)))
  expect_true(wait_until(connections_of(machines) == 1))
})

test_that("items that were on a lost machine aren't run again where that isn't wanted", {
  machines <- local_machines(2)
  withr::local_options(lomp.lost_items = "fail")
  with_flag(function(flag) {
    once <- function(i) {
      begin_item(flag, i)
      if (i == 2) {
        tools::pskill(own_daemon(), tools::SIGKILL)
        Sys.sleep(60)
      }
      i
    }
    result <- suppressWarnings(lomp_map(1:8, once, .compute = machines$profile,
                                        .on_error = "collect"))
    expect_s3_class(result[[2]], "lomp_machine_lost")
    expect_identical(n_begun(flag, 2), 1L)
    expect_identical(result[lomp_ok(result)], as.list(1:8)[lomp_ok(result)])
  })
})

test_that("an item that has emitted something isn't run again", {
  machines <- local_machines(2)
  with_flag(function(flag) {
    tells <- function(i, emit) {
      emit(i)
      begin_item(flag, i)
      if (i == 2) {
        wait_for(flag)
        tools::pskill(own_daemon(), tools::SIGKILL)
        Sys.sleep(60)
      }
      i * 10
    }
    items <- lomp_iterate(1:4, tells, .compute = machines$profile, .on_error = "collect")
    values <- list()
    suppressWarnings(while (!lomp_done(value <- items())) {
      if (identical(value, 2L)) raise(flag)
      values <- c(values, list(value))
    })
    expect_true(any(vapply(values, inherits, NA, "lomp_machine_lost")))
    expect_identical(n_begun(flag, 2), 1L)
  })
})

# ---- Machines that stand still ------------------------------------------------------------------

test_that("a machine that stands still doesn't hold the end of a call, nor those that follow", {
  machines <- local_machines(2)
  profile <- machines$profile
  well <- machines$pids[[1]]
  expect_length(lomp_map(1:2, identity, .compute = profile), 2)
  withr::local_options(lomp.machine_timeout = 10, lomp.buffer = 1e6)
  with_flag(function(flag) {
    cnd <- caught(when_begun(2, flag, function() {
      machines$stop(2)
      raise(flag)
    }, lomp_map(1:6, function(i) {
      begin_item(flag, i)
      message("go")
      wait_for(flag)
      if (own_daemon() == well) stop("boom")
      i
    }, .compute = profile)))
    expect_match(conditionMessage(cnd), "boom")
    expect_identical(lomp_map(1:4, identity, .compute = profile), as.list(1:4))
  })
  machines$kill(2)
  expect_identical(lomp_map(1:4, identity, .compute = profile), as.list(1:4))
  expect_no_machine_children(machines)
})

# The daemons that items have run on, each with one worker: an item waits until there are two.
meet_in_items <- function(machines, flag) {
  unlist(lomp_map(1:8, function(i) {
    begin_item(flag, i)
    while (n_begun(flag) < 2) Sys.sleep(0.01)
    own_daemon()
  }, .compute = machines$profile, .timeout = 100))
}

test_that("what a machine had that stands still is run elsewhere, and later it is used again", {
  machines <- local_machines(2, tls = TRUE)
  profile <- machines$profile
  with_flag(function(flag) expect_setequal(meet_in_items(machines, flag), machines$pids))
  withr::local_options(lomp.machine_timeout = 10, lomp.buffer = 1e6)
  with_flag(function(flag) {
    expect_gone(result <- when_begun(2, flag, function() {
      machines$stop(2)
      raise(flag)
    }, lomp_map(1:8, function(i) {
      begin_item(flag, i)
      message("go")
      wait_for(flag)
      i
    }, .compute = profile)))
    expect_identical(result, as.list(1:8))
  })
  machines$continue(2)
  with_flag(function(flag) expect_setequal(meet_in_items(machines, flag), machines$pids))
  expect_no_machine_children(machines)
})

test_that("all machines stand still", {
  machines <- local_machines(1)
  profile <- machines$profile
  expect_length(lomp_map(1:2, identity, .compute = profile), 2)
  withr::local_options(lomp.machine_timeout = 5, lomp.buffer = 1e6)
  machines$stop(1)
  expect_error(lomp_map(1:2, identity, .compute = profile), "no daemon has answered",
               class = "lomp_machine_error")
  machines$continue(1)
  expect_true(is_free(machines))
  with_flag(function(flag) {
    expect_gone(cnd <- caught(when_begun(1, flag, function() machines$stop(1), lomp_map(
      1:4,
      function(i) {
        begin_item(flag, i)
        message("go")
        wait_for(flag)
      },
      .compute = profile
    ))))
    expect_match(conditionMessage(cnd), "no daemon that is connected answers")
  })
})
