# How many items a machine gets, and which.

test_that("a daemon that can't be used has no part in what the others get", {
  net <- new.env()
  net$known <- net$settings <- list()
  net$dropped <- net$left_out <- character()
  net$met <- 0L
  net$clock <- net$given <- 0
  net$owner <- integer(3)
  state <- list(net = net, plan = list(n = 3, call = new_call()))
  answer <- list(id = "near", host = "near", pid = 1L, R = "4.2.2", workers = 2L, has = TRUE)
  machine <- machine_of(answer, net)
  expect_equal(least_block(machine, net, state), 2)
  unfit <- list(list(problem = "absent", host = "far", pid = 2L, R = "4.2.2"),
                list(problem = "version", id = "old", host = "old", pid = 3L, workers = 64L))
  net$left_out <- c("far", "old")
  for (answer in unfit) leave_out(list(items = numeric()), answer, state)
  expect_length(net$known, 3)
  expect_equal(least_block(machine, net, state), 2)
})

# A machine of two workers, and what a call of so many items knows of it.
new_known <- function(n, ..., workers = 2L) {
  net <- new.env()
  machine <- list2env(list(workers = workers, undone = 0, rate = NA_real_, trip = 0, block = 1,
                           is_lost = FALSE, has = TRUE, ...))
  net$known <- list(machine)
  net$owner <- integer(n)
  net$again <- numeric()
  net$given <- 0
  list(net = net, machine = machine, plan = list(n = n, is_map = TRUE))
}

test_that("a machine that isn't known yet gets an item for each worker", {
  state <- new_known(1000)
  expect_equal(block_size(state$machine, state$net, state), 2)
  state$machine$undone <- 1
  expect_equal(block_size(state$machine, state$net, state), 1)
  state$machine$undone <- 5
  expect_equal(block_size(state$machine, state$net, state), 0)
  expect_equal(block_size(NULL, state$net, state), 1)
})

test_that("blocks grow to what a machine does in a while, and not beyond half of what is left", {
  state <- new_known(1e6)
  state$machine$rate <- 1000
  expect_equal(block_size(state$machine, state$net, state), 32)
  state$machine$block <- 400
  expect_equal(block_size(state$machine, state$net, state), 1000 * step_seconds)
  state$net$given <- 1e6 - 200
  expect_equal(block_size(state$machine, state$net, state), 100)
  state$net$given <- 1e6
  expect_equal(block_size(state$machine, state$net, state), 10)
})

test_that("a machine answers before it has nothing to do, and not before it has done half", {
  machine <- new_known(1)$machine
  expect_equal(low_mark(NULL), 0)
  expect_equal(low_mark(machine), 2)
  machine$rate <- 1000
  machine$trip <- 0.05
  machine$undone <- 1000
  expect_equal(low_mark(machine), 2 + 50)
  machine$undone <- 20
  expect_equal(low_mark(machine), 2 + 10)
})

test_that("items that come again go first, and none is given twice", {
  state <- new_known(5)
  state$net$again <- c(2, 4)
  state$net$given <- 4
  expect_equal(next_items(0, state), numeric())
  expect_equal(next_items(1, state), 2)
  expect_equal(next_items(3, state), c(4, 5))
  expect_equal(next_items(3, state), numeric())
  expect_false(has_more(state))
})

test_that("a row of items travels as two numbers", {
  for (items in list(numeric(), 7, c(3, 5), c(3, 4, 9), as.numeric(4:900))) {
    expect_equal(all_of_range(as_range(items)), items)
  }
  expect_length(as_range(as.numeric(4:900)), 2)
})

test_that("an item is stored for each worker where it would be waited for, not of long ones", {
  state <- new_known(1000)
  state$machine$trip <- 0.01
  state$machine$rate <- 2 / 60
  expect_equal(block_size(state$machine, state$net, state), 2)
  expect_equal(low_mark(state$machine), 2)
  state$machine$rate <- 2 / 0.1
  expect_equal(least_block(state$machine, state$net, state), 4)
})

test_that("what a machine hasn't begun is given back when another one has nothing to do", {
  state <- new_known(100)
  expect_false(has_spare(state$net, state))
  state$net$given <- 100
  state$machine$undone <- 10
  expect_false(has_spare(state$net, state))
  state$net$known <- c(state$net$known, new_known(100)$net$known)
  expect_true(has_spare(state$net, state))
  state$machine$undone <- 2
  expect_false(has_spare(state$net, state))
})

test_that("the last items aren't for a machine that would only have them in store", {
  state <- new_known(100)
  net <- state$net
  net$given <- 98
  net$known <- c(net$known, new_known(100)$net$known)
  net$free <- state$machine
  net$free$undone <- 2
  expect_true(is_for_others(state, 1))
  net$given <- 97  # more than the idle one has workers
  expect_false(is_for_others(state, 1))
  net$given <- 98
  net$free$undone <- 1
  expect_false(is_for_others(state, 1))
  net$free <- NULL
  expect_false(is_for_others(state, 1))
  seen <- vapply(1:5000, function(k) is_for_others(state, 2), NA)
  expect_setequal(unique(seen), c(TRUE, FALSE))
})

test_that("steps without items last differently", {
  lasts <- vapply(1:50, function(k) uneven(0.5), 0)
  expect_true(all(lasts >= 0.25 & lasts <= 0.5))
  expect_gt(length(unique(lasts)), 1)
})

test_that("a machine that becomes slow doesn't keep what it hasn't begun", {
  skip_without_mirai()
  machines <- local_machines(2)
  slow <- machines$pids[[1]]
  take_item_tools()
  with_flag(function(flag) {
    result <- lomp_map(1:2500, function(i) {
      if (i < 1500) Sys.sleep(0.001)
      if (i >= 1500 && own_daemon() == slow) wait_for(flag)
      i
    }, .compute = machines$profile, .progress = function(done, total) {
      if (done >= total - 200) raise(flag)
    })
    expect_identical(result, as.list(1:2500))
  })
})
