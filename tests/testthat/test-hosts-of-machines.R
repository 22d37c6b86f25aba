# That the machines of helper-machines.R are what they are said to be, and that nothing of them is
# left afterwards.

skip_without_mirai()
skip_in_light_run()

ask <- function(machines, code) {
  task <- mirai::mirai(eval(code), .args = list(code = substitute(code)),
                       .compute = machines$profile)
  task[]
}

# Two tasks at once, whose answers are pids: which of them come during the pause, and all of them.
pids_beside <- function(machines, pause, end) {
  wait <- function(flag, wait_for) {
    wait_for(flag)
    Sys.getpid()
  }
  with_flag(function(flag) {
    pause()
    tasks <- lapply(1:2, function(k) {
      mirai::mirai(wait(flag, wait_for), .compute = machines$profile,
                   .args = list(wait = wait, flag = flag, wait_for = wait_for))
    })
    expect_true(wait_until(mirai::info(machines$profile)[["executing"]] == 2))
    raise(flag)
    resolved <- function() !vapply(tasks, mirai::unresolved, NA)
    expect_true(wait_until(any(resolved())))
    first <- resolved()
    end()
    pids <- vapply(tasks, function(task) task[], 0L)
    list(first = pids[first], all = pids)
  })
}

test_that("daemons are processes of their own, which come, go and stand still", {
  machines <- local_machines(2, cores = c(3, 1))
  expect_true(ask(machines, Sys.getpid()) %in% machines$pids)
  machines$kill(2)
  expect_identical(is.na(machines$pids), c(FALSE, TRUE))
  expect_identical(ask(machines, getOption("lomp.workers")), 3)
  expect_identical(ask(machines, unlist(lomp::lomp_map(1:3, function(i) i * 2))), c(2, 4, 6))
  expect_no_machine_children(machines)
  machines$add(cores = 2)
  pids <- pids_beside(machines, function() machines$stop(3), function() machines$continue(3))
  expect_identical(pids$first, machines$pids[[1]])
  expect_setequal(pids$all, machines$pids[c(1, 3)])
})

test_that("nothing of machines is left, and what they leave fails the test", {
  use <- function(...) {
    machines <- local_machines(1, ...)
    relay <- local_relay(machines)
    machines$add(url = relay$url)
    expect_identical(ask(machines, 1 + 1), 2)
    machines$pids
  }
  use()  # nanonext's own threads and descriptors stay
  pids <- expect_no_leaks(use())
  expect_false(any(is_alive(pids)))
  left <- tryCatch(local({
    machines <- local_machines(1)
    machines$seconds <- 0.5
    ask(machines, is.list(parallel::mcparallel(Sys.sleep(60))))
    machines$kill(1)
  }), expectation_failure = conditionMessage)
  expect_match(left, "^processes of machines are left: [0-9]+$")
  expect_true(wait_until(!is_alive(as.integer(sub(".* ", "", left)))))
})

test_that("machines talk in secret with TLS", {
  machines <- local_machines(1, tls = TRUE)
  expect_match(machines$url, "^tls[+]tcp://")
  relay <- local_relay(machines)
  machines$add(url = relay$url)
  machines$kill(1)
  expect_identical(ask(machines, Sys.getpid()), machines$pids[[2]])
})

test_that("a relay counts what goes to and fro", {
  machines <- local_machines(0)
  relay <- local_relay(machines)
  machines$add(url = relay$url)
  before <- relay$bytes()
  expect_length(ask(machines, as.raw(rep(1, 1e6))), 1e6)
  expect_true(wait_until((relay$bytes() - before)[["to"]] > 1e6))
  sent <- relay$bytes() - before
  expect_lt(sent[["to"]], 1.01e6)
  expect_gt(sent[["from"]], 100)
  expect_lt(sent[["from"]], 1e4)
  expect_equal(relay$bytes()[["connections"]], 1)
})

test_that("a relay cuts a machine off, holds up what comes, and resets connections", {
  machines <- local_machines(1)
  relay <- local_relay(machines)
  machines$add(url = relay$url)
  pids <- pids_beside(machines, relay$stall, relay$resume)
  expect_identical(pids$first, machines$pids[[1]])
  expect_setequal(pids$all, machines$pids)
  machines$kill(1)
  relay$delay(0.1)
  expect_gt(seconds(ask(machines, 1)), 0.2)
  relay$drop()
  expect_true(wait_until(!is_alive(machines$pids[[2]])))
})

test_that("hosts have networks of their own, and their cables can be pulled", {
  hosts <- local_hosts(2)
  expect_false(ask(hosts, Sys.readlink("/proc/self/ns/net")) == Sys.readlink("/proc/self/ns/net"))
  pids <- pids_beside(hosts, function() hosts$cut(2), function() hosts$mend(2))
  expect_identical(pids$first, hosts$pids[[1]])
  expect_setequal(pids$all, hosts$pids)
})

test_that("hosts may be far away, with TLS and what is lost on the way", {
  local({
    hosts <- local_hosts(1, delay_ms = 50, loss = 0.01, tls = TRUE)
    expect_gt(seconds(ask(hosts, 1)), 0.1)
    expect_length(ask(hosts, as.raw(rep(1, 1e5))), 1e5)
  })
  interfaces <- function() grep(paste0("^lomp", Sys.getpid()), list.files("/sys/class/net"))
  expect_true(wait_until(length(interfaces()) == 0))
})
