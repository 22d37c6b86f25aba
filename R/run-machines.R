# The session's side of a call on several machines. mirai gives a task to the first daemon that has
# none, whichever that is. So there are as many tasks, called steps, as daemons are connected. A
# step lasts for a bounded time, any machine may take any one, and tells in its answer which machine
# it is. So each machine can say in time what has come of its items, and one that doesn't is
# stopped, or cut off.

# Its tasks, by the id of each call that is underway. So they outlive the call until leave_net(): in
# the collection that finds that nobody has either any more nanonext would have freed them before.
the$open <- list()

# How many seconds of work a machine is to have, and how long a step lasts at the most.
step_seconds <- 0.5

# Of many machines steps last longer, so that the session can see to all of them.
seconds_of_step <- function(net) max(step_seconds, length(net$sent$tasks) / 200)

# What is known of the machines of a call, and of its items on them. `owner` has for each item the
# number of the machine that has it: 0 if none has, -1 if it is over. `again` are those that come
# once more; `orphans` those that a lost machine had, though it isn't known yet which one; of those
# that are `begun` results have been delivered; `values` are those of a producer that aren't over.
# `free` is the machine that takes the next step, if that is known. Times are `clock`, see tick():
# `doubt` is when a machine was lost, and `deserted` when one was there last.
new_net <- function(plan, frame) {
  net <- new.env(parent = emptyenv())
  net$profile <- plan$machines$profile
  net$id <- new_call_id()
  net$pid <- Sys.getpid()
  net$timeout <- machine_timeout()
  net$lost_items <- lost_items()
  net$constants <- constants_of(needs_of(frame, plan))
  net$settings <- settings_of_machines(plan)
  net$known <- list()
  net$dropped <- character()
  net$sent <- new.env(parent = emptyenv())
  net$sent$tasks <- list()
  net$frame <- frame
  net$owner <- integer(if (is.na(plan$n)) 0L else items_to_run(plan))
  net$tried <- net$begun <- logical()
  net$values <- list()
  net$again <- net$orphans <- numeric()
  net$hosts <- net$left_out <- character()
  net$given <- net$over <- 0
  net$twice <- numeric()
  net$clock <- net$deserted <- 0
  net$ticked <- elapsed()
  net$silent <- net$met <- 0L
  net$lanes <- new_machine_lanes()
  net$is_over <- net$is_left <- FALSE
  net
}

# Sessions may have the same daemons one after the other.
new_call_id <- function() {
  the$calls <- if (is.null(the$calls)) 1 else the$calls + 1
  paste(who_answers()$id, the$calls)
}

# What the machines get once.
needs_of <- function(frame, plan) {
  needs <- needed_of(frame$FUN, values_of_dots(frame))
  needs$prototype <- plan$value$prototype
  needs
}

# What an argument's evaluation fails with is left to the items that use it, and so is one that was
# left out, as in lomp_map(x, `[`, , 1).
values_of_dots <- function(frame) {
  dots <- lapply(seq_len(evalq(...length(), frame)), function(k) {
    is_left_out <- eval(call("missing", as.name(paste0("..", k))), frame)
    if (is_left_out) return(structure(list(), class = "lomp_no_argument"))
    tryCatch(
      withCallingHandlers(eval(call("...elt", k), frame), warning = muffle_retry),
      error = function(cnd) structure(list(cnd), class = "lomp_failed_argument")
    )
  })
  names(dots) <- evalq(names(substitute(list(...)))[-1L], frame)
  dots
}

settings_of_machines <- function(plan) {
  list(
    seed = plan$random$seed, workers = plan$machines$workers, timeout = plan$timeout,
    keep_connections = plan$keep_connections, buffer = plan$buffer, frames = plan$frames,
    harmless = plan$harmless, emits = isTRUE(plan$emits), is_single = plan$is_map,
    warn = getOption("warn")
  )
}

# ---- The beginning ------------------------------------------------------------------------------

# Before anything is sent that a call is about: are all daemons of use to it? A daemon gets what the
# call needs with the first step if that is small; else all of them get it in pieces, unless some
# have it already, which others get when their turn comes.
meet_machines <- function(plan, frame) {
  net <- new_net(plan, frame)
  the$open[[net$id]] <- net$sent
  reg.finalizer(net, leave_net, onexit = FALSE)
  is_ready <- FALSE
  on.exit(if (!is_ready) leave_net(net))
  answers <- send_to_all(net, new_step(net, "hello", piece_of(net, 0, small_piece)), plan$call)
  if (!plan$call$interrupted) check_machines(answers, plan)
  for (answer in answers) machine_of(answer, net)
  net$silent <- max(0L, connections(net$profile) - length(answers))
  if (!any(vapply(answers, function(answer) answer$has, NA))) send_pieces(net, plan$call)
  is_ready <- TRUE
  net
}

small_piece <- 2^18
piece_bytes <- 2^23

# NULL where all of it would be more than `most`.
piece_of <- function(net, from, most = Inf) {
  if (net$constants$bytes > most) return(NULL)
  list(from = from, bytes = constants_slice(net$constants, from, piece_bytes))
}

send_pieces <- function(net, call) {
  from <- 0
  while (from < net$constants$bytes && !call$interrupted) {
    answers <- send_to_all(net, new_step(net, "hello", piece_of(net, from)), call)
    for (answer in answers) machine_of(answer, net)
    from <- from + piece_bytes
  }
}

# The machine that has answered. One that is new gets a lane in the call's report.
machine_of <- function(answer, net) {
  id <- id_of(answer)
  machine <- net$known[[id]]
  if (is.null(machine)) {
    machine <- new.env(parent = emptyenv())
    for (field in c("host", "pid", "R", "workers")) machine[[field]] <- answer[[field]]
    machine$id <- id
    if (!is.null(net$settings$workers)) machine$workers <- net$settings$workers
    machine$number <- net$met <- net$met + 1L
    machine$rate <- NA_real_
    machine$trip <- 0
    machine$undone <- 0
    machine$block <- 1
    machine$answers <- 0
    machine$is_over <- TRUE
    machine$is_lost <- FALSE
    net$known[[id]] <- machine
    net$dropped <- setdiff(net$dropped, id)
  }
  machine$has_answered <- TRUE
  machine$heard <- net$clock
  machine$has <- isTRUE(answer$has)
  machine
}

# ---- While it runs ------------------------------------------------------------------------------

# On the event "machines": does what there is to be done, and waits for an answer if there is none.
attend_machines <- function(event, state) {
  net <- state$net
  if (net$is_over) return(finish_machines(state))
  if (event$value[[2L]] != 0) return(stop_machines(state))
  tick(net)
  answered <- take_answered(net)
  if (length(answered) == 0L) {
    hand_out(state)
    if (event$value[[1L]] > 0) wait_for_answer(net, state$plan$call, event$value[[1L]])
    answered <- take_answered(net)
  }
  net$free <- NULL
  for (task in answered) note_answer(task, state)
  if (length(answered) > 1L) net$free <- NULL
  find_lost(state)
  if (has_all_over(state)) end_machines(state) else hand_out(state)
  NULL
}

# The time in which answers would have been heard: not the one in which the session did something
# else, or was asleep.
tick <- function(net) {
  now <- elapsed()
  net$clock <- net$clock + min(now - net$ticked, 1)
  net$ticked <- now
}

# The tasks that are over, which are none any more.
take_answered <- function(net) {
  if (length(net$sent$tasks) == 0L) return(list())
  is_open <- vapply(net$sent$tasks, function(task) mirai::unresolved(task$aio), NA)
  answered <- net$sent$tasks[!is_open]
  net$sent$tasks <- net$sent$tasks[is_open]
  answered
}

# A task without an answer was lost with its machine, unless lomp's own code failed there.
note_answer <- function(task, state) {
  answer <- task$aio$data
  net <- state$net
  if (mirai::is_mirai_error(answer)) {
    return(fail_call(new_machine_error(as.character(answer)), state))
  }
  if (!is.list(answer)) return(note_lost_task(task, net))
  if (!is.null(answer$problem)) return(leave_out(task, answer, state))
  if (is.null(net$known[[id_of(answer)]])) note_other_r(list(answer), state$plan)
  net$free <- machine <- machine_of(answer, net)
  if (isTRUE(answer$took)) net$owner[task$items] <- machine$number else give_again(task$items, net)
  if (has_missed(machine, answer)) return(lose_machine(machine, state))
  machine$wants <- if (!machine$has) answer$wants
  give_again(answer$returned[net$owner[answer$returned] == machine$number], net)
  note_pace(machine, answer, task)
  if (!is.null(answer$rows)) take_rows(answer$rows, machine, state)
  if (!is.null(answer$failed)) {
    fail_call(new_machine_error(answer$failed, machine), state)
  } else if (machine$is_over) {
    lose_items(which(net$owner == machine$number), machine, state)
  }
}

# Its answers are counted. One of those before didn't come: what was in it, nobody knows any more.
has_missed <- function(machine, answer) {
  if (is.null(answer$nth)) return(FALSE)
  machine$answers <- machine$answers + 1
  if (answer$nth != machine$answers) return(TRUE)
  if (isTRUE(answer$is_over)) machine$answers <- 0
  FALSE
}

# A daemon that came later and can't be used: it is known, and none of its workers counts. The next
# step goes to it as a rule, since it has nothing to do: so that is one without items.
leave_out <- function(task, answer, state) {
  net <- state$net
  give_again(task$items, net)
  machine <- machine_of(answer, net)
  machine$workers <- 0L
  send_step(net, new_step(net, "items"))
  if (answer$host %in% net$left_out) return()
  net$left_out <- c(net$left_out, answer$host)
  add_complaints(list(warning_of_machine(answer)), state$plan$call)
}

give_again <- function(items, net) {
  if (length(items) == 0L) return()
  net$owner[items] <- 0L
  net$again <- sort(c(net$again, items))
}

# How many items a second, and how long it takes until a step and its answer are there.
note_pace <- function(machine, answer, task) {
  if (!is.null(answer$undone)) machine$undone <- answer$undone
  machine$is_over <- isTRUE(answer$is_over)
  if (!is.null(answer$workers)) machine$workers <- answer$workers
  if (is.null(answer$rows)) return()
  trip <- max(0, elapsed() - task$sent - answer$seconds)
  machine$trip <- if (machine$trip == 0) trip else 0.7 * machine$trip + 0.3 * trip
  done <- sum(!answer$rows$goes_on)
  if (done == 0) return()
  rate <- done / max(seconds_at_work(machine, answer, task), 1e-3)
  machine$rate <- if (is.na(machine$rate)) rate else 0.5 * machine$rate + 0.5 * rate
}

# A machine that has run short of items had waited for its workers, or for more: only what the items
# took tells then how many it could have done.
seconds_at_work <- function(machine, answer, task) {
  is_short <- answer$undone < max(1, task$low)
  if (!is_short) return(answer$seconds)
  min(answer$seconds, sum(answer$rows$run, na.rm = TRUE) / machine$workers)
}

# What has come of items that this machine has; of others it is known already. Those of steps that
# were cancelled may be anybody's.
take_rows <- function(rows, machine, state) {
  net <- state$net
  owner <- net$owner[rows$item]
  is_own <- is.na(owner) | owner == machine$number
  if (!all(is_own)) rows[row_fields] <- lapply(rows[row_fields], `[`, is_own)
  if (length(rows$item) == 0L) return()
  rows$value <- in_own_time(rows)
  note_rows(rows, machine, state)
  call_receive(state$handle, lane_of(machine, state), rows[row_fields])
}

row_fields <- c("kind", "item", "goes_on", "drawn", "value", "run", "waited", "ended", "bytes",
                "holder")
row_kinds <- c("value", "end", "ignored", "failure", "condition", "output", "urgent", "lost",
               "unread", "unsent")

kinds_of_rows <- function(rows) row_kinds[rows$kind]

# Clocks of other machines tell nothing here.
in_own_time <- function(rows) {
  now <- elapsed()
  for (k in which(kinds_of_rows(rows) == "failure")) {
    if (!is.null(rows$value[[k]])) rows$value[[k]]$time <- now - rows$ended[[k]]
  }
  rows$value
}

# Of items that go on some results are delivered: they can't be run from their beginning again.
note_rows <- function(rows, machine, state) {
  net <- state$net
  over <- rows$item[!rows$goes_on]
  net$owner[over] <- -1L
  net$over <- net$over + length(over)
  if (is.na(state$plan$n)) net$values[over] <- list(NULL)
  kinds <- kinds_of_rows(rows)
  failed <- rows$item[kinds %in% c("failure", "lost")]
  if (length(failed) > 0L) net$hosts[as.character(failed)] <- machine$host
  parts <- unique(rows$item[rows$goes_on & kinds == "value"])
  if (length(parts) > 0L) net$begun[parts] <- TRUE
}

# Of those that were there when the call began. Others follow when they answer.
note_lanes <- function(state) {
  for (machine in state$net$known) lane_of(machine, state)
}

lane_of <- function(machine, state) {
  if (!is.null(machine$lane)) return(machine$lane)
  machine$lane <- call_note_machine(state$handle, machine$pid)
  note_machine_lane(state$net$lanes, machine, state$plan$machines$workers)
  machine$lane
}

# ---- The end ------------------------------------------------------------------------------------

# What machines have finished by now still comes.
stop_machines <- function(state) {
  net <- state$net
  on.exit(end_machines(state))
  for (task in take_answered(net)) if (is.list(task$aio$data)) note_answer(task, state)
  for (task in net$sent$tasks) net$owner[task$items] <- NA
  cancel_tasks(net)
  answers <- send_to_all(net, new_step(net, "last"), state$plan$call, min(net$timeout, 10))
  for (answer in answers) {
    if (!is.null(answer$problem)) next
    machine <- machine_of(answer, net)
    machine$is_over <- TRUE
    if (!is.null(answer$rows)) take_rows(answer$rows, machine, state)
  }
  NULL
}

cancel_tasks <- function(net) {
  for (task in net$sent$tasks) mirai::stop_mirai(task$aio)
  net$sent$tasks <- list()
}

# An interrupt or a time limit may leave it while it waits: the call is over nevertheless.
end_machines <- function(state) {
  net <- state$net
  net$is_over <- TRUE
  on.exit(finish_machines(state))
  cancel_tasks(net)
  if (has_busy(net)) send_to_all(net, new_step(net, "last"), state$plan$call, last_seconds)
  for (machine in net$known) machine$is_over <- TRUE
}

finish_machines <- function(state) {
  net <- state$net
  on.exit(call_machines_end(state$handle))
  if (net$is_left) return(NULL)
  leave_net(net)
  for (machine in net$known) {
    if (!is.null(machine$lane)) call_note_machine_end(state$handle, machine$lane, "finished")
  }
  add_complaints(warning_of_loss(net, state$plan), state$plan$call)
  NULL
}

# So long a machine may take at the most to end its workers before the call returns nevertheless.
last_seconds <- 2

has_busy <- function(net) any(vapply(net$known, function(machine) !machine$is_over, NA))

# Machines that have something of the call's end it, those that wait for more of it don't any more.
# It may be R's collector that finds nobody has the call; that of a forked copy has none either.
# Nobody hears who has got that: so there are more tasks than machines, and who gets another one
# holds it longer than the step takes that a machine may still be busy with.
leave_net <- function(net) {
  if (net$is_left || net$pid != Sys.getpid()) return()
  net$is_left <- net$is_over <- TRUE
  the$open[[net$id]] <- NULL
  drop_constants(net$constants)
  if (!mirai::daemons_set(net$profile)) return()
  cancel_tasks(net)
  if (has_busy(net)) ask_all(net, new_step(net, "last"), 2L, seconds_of_step(net) + 0.1)
  invisible()
}
