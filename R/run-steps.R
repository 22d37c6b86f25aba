# Steps of a call on several machines: tasks of mirai's, and the rounds in which each machine gets
# one.

# What a daemon evaluates. One that has no lomp of this kind tells that, and takes its time with it
# where it isn't the first step: the next one would come at once.
step_call <- quote({
  answer <- if (requireNamespace("lomp", quietly = TRUE)) {
    get0("answer_step", envir = asNamespace("lomp"), inherits = FALSE)
  }
  if (is.function(answer)) {
    answer(step)
  } else {
    if (step$kind == "items") Sys.sleep(step$seconds)
    list(problem = "absent", host = Sys.info()[["nodename"]], pid = Sys.getpid(),
         R = as.character(getRversion()))
  }
})

# `needs` tells what the call needs, of which a step may have a piece; `low`: it answers when it has
# fewer items than that; `only`: but one that has this item keeps what comes.
new_step <- function(net, kind, piece = NULL, block = NULL, low = 0, gives_back = FALSE,
                     only = NULL) {
  list(
    lomp = own_version(), kind = kind, call = net$id, open = names(the$open), piece = piece,
    needs = net$constants[c("hash", "bytes")], dropped = net$dropped, settings = net$settings,
    block = block, low = low, gives_back = gives_back, only = only, seconds = seconds_of_step(net),
    bytes = min(net$settings$buffer, piece_bytes)
  )
}

send_step <- function(net, step, items = numeric()) {
  aio <- mirai::mirai(step_call, .args = list(step = step), .compute = net$profile)
  task <- list(aio = aio, items = items, sent = elapsed(), clock = net$clock,
               seconds = step$seconds, low = step$low, piece = step$piece$from,
               bytes = length(step$piece$bytes))
  net$sent$tasks <- c(net$sent$tasks, list(task))
}

# What daemons answer, each once, as far as they do so in time. They get tasks like others: one of
# mirai::everywhere()'s that no daemon takes, since one is busy or has gone, keeps the others from
# all tasks that follow, even when it is cancelled. So a daemon may be asked twice. It takes a while
# with that, in which others are asked, but not for long: who is busy then has other work.
send_to_all <- function(net, step, call, timeout = net$timeout) {
  asked <- ask_all(net, step)
  on.exit(leave_asked(asked))
  timeout <- timeout + transfer_seconds(length(step$piece$bytes))
  is_wanted <- function() step$kind == "last" || !call$interrupted
  while (!has_all_answers(asked) && is_worth_waiting(asked, net, timeout) && is_wanted()) {
    wait_for_answer(net, call)
    hear_asked(asked, net)
  }
  unname(asked$answers)
}

# As many tasks as there are daemons that may answer. A daemon that gets one `again` holds it for so
# many seconds, in which others get theirs.
ask_all <- function(net, step, times = 1L, again = 0.1) {
  asked <- new.env(parent = emptyenv())
  asked$n <- reachable(net)
  bytes <- length(step$piece$bytes)
  asked$step <- c(step, round = next_round(), hold = asked$n * (5e-4 + bytes * send_pace()),
                  again = again)
  asked$tasks <- asked$answers <- list()
  asked$began <- elapsed()
  asked$completed <- -1
  asked$is_large <- bytes > small_piece
  ask(asked$n * times, asked, net)
  if (asked$is_large) the$send_pace <- (elapsed() - asked$began) / (asked$n * bytes)
  asked
}

next_round <- function() the$rounds <- if (is.null(the$rounds)) 1 else the$rounds + 1

# How many seconds it takes to send a byte. A daemon that has got a task waits until others have
# theirs, which would come to it, too.
send_pace <- function() if (is.null(the$send_pace)) 1e-9 else the$send_pace

ask <- function(n, asked, net) {
  for (k in seq_len(max(0, n))) {
    aio <- mirai::mirai(step_call, .args = list(step = asked$step), .compute = net$profile)
    asked$tasks <- c(asked$tasks, list(aio))
  }
}

# Those that have answered get another task each as long as others haven't, so that these get
# theirs. Large pieces aren't sent once more: who hasn't got one asks for it.
hear_asked <- function(asked, net) {
  is_open <- vapply(asked$tasks, mirai::unresolved, NA)
  come <- lapply(asked$tasks[!is_open], function(aio) aio$data)
  asked$tasks <- asked$tasks[is_open]
  hear_failed(Filter(mirai::is_mirai_error, come), asked)
  for (answer in Filter(is.list, come)) {
    id <- id_of(answer)
    if (is.null(asked$answers[[id]])) {
      asked$answers[[id]] <- answer
      asked$repeated <- NULL
    } else if (is.null(asked$repeated)) {
      asked$repeated <- elapsed()
    }
  }
  if (has_all_answers(asked) || asked$is_large) return()
  if (!all(is_open)) asked$n <- min(asked$n, reachable(net))
  ask(asked$n - length(asked$tasks), asked, net)
}

# A daemon on which lomp's own code has failed would do so again. At the end of a call it isn't
# waited for.
hear_failed <- function(failed, asked) {
  if (length(failed) == 0L) return()
  if (asked$step$kind != "last") stop(new_machine_error(as.character(failed[[1L]])))
  asked$n <- asked$n - length(failed)
}

has_all_answers <- function(asked) {
  length(asked$answers) >= asked$n || asked$is_large && length(asked$tasks) == 0L
}

# One without lomp doesn't say it.
id_of <- function(answer) {
  if (is.null(answer$id)) paste(answer$host, answer$pid) else answer$id
}

# As long as nobody has answered other work may come first, which goes on.
is_worth_waiting <- function(asked, net, timeout) {
  info <- info_of(net$profile)
  if (info[["connections"]] == 0L || is_stuck(info)) return(FALSE)
  if (length(asked$answers) == 0L && info[["completed"]] != asked$completed) {
    asked$completed <- info[["completed"]]
    asked$began <- elapsed()
  }
  is_others <- !is.null(asked$repeated) && elapsed() - asked$repeated > 2 * step_seconds
  elapsed() - asked$began < timeout && !is_others
}

leave_asked <- function(asked) for (aio in asked$tasks) mirai::stop_mirai(aio)

# Is there nobody left to take what was sent?
is_stuck <- function(info) info[["awaiting"]] > 0L && info[["executing"]] == 0L

wait_for_answer <- function(net, call, milliseconds = 100) {
  heed_interrupts({
    cv <- mirai::nextget("cv", net$profile)
    if (is.null(cv)) nanonext::msleep(milliseconds) else nanonext::until(cv, milliseconds)
    check_interrupt()
  }, call)
}

# A megabyte a second is the least that is expected of a network.
transfer_seconds <- function(bytes) bytes / 1e6
