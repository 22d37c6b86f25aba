# Machines of a call that have gone, stand still or are cut off: which ones, and what becomes of
# their items.

# The task's connection is closed: that of one of the machines that don't answer from now on.
note_lost_task <- function(task, net) {
  net$orphans <- c(net$orphans, task$items)
  doubt_all(net)
}

# One of them has gone: who is it?
doubt_all <- function(net) {
  net$doubt <- net$clock
  for (machine in net$known) machine$has_answered <- FALSE
}

# Tasks that wait in the queue behind other work than this call's aren't late.
find_silent <- function(net) {
  late <- vapply(net$sent$tasks, function(task) net$clock - task$clock > patience(task, net), NA)
  n <- sum(late) - info_of(net$profile)[["awaiting"]]
  if (n <= 0) return()
  silent <- utils::head(which(late), n)
  for (task in net$sent$tasks[silent]) {
    mirai::stop_mirai(task$aio)
    note_lost_task(task, net)
  }
  net$silent <- net$silent + length(silent)
  net$sent$tasks <- net$sent$tasks[-silent]
}

patience <- function(task, net) {
  task$seconds + net$timeout + transfer_seconds(task$bytes + piece_bytes)
}

# Machines that are connected and don't answer: what they were sent is still being executed, as far
# as the dispatcher knows.
count_silent <- function(net) {
  if (is.null(net$silent) || net$silent == 0L) return(0L)
  executing <- info_of(net$profile)[["executing"]]
  silent <- max(0L, min(net$silent, executing - length(net$sent$tasks)))
  note_fewer(silent, net)
  silent
}

# An answer that is on its way isn't executed any more, and isn't taken yet: that passes.
note_fewer <- function(silent, net) {
  if (silent == net$silent) {
    net$fewer <- NULL
  } else if (is.null(net$fewer)) {
    net$fewer <- net$clock
  } else if (net$clock - net$fewer > 2 * step_seconds) {
    net$silent <- silent
    net$fewer <- NULL
  }
}

# How many daemons are connected and answer, as far as is known.
reachable <- function(net) max(0L, connections(net$profile) - count_silent(net))

# All machines that are there answer within a step. When they have, those that have not are lost.
find_lost <- function(state) {
  net <- state$net
  if (length(net$sent$tasks) > 0L) find_silent(net)
  if (is.null(net$doubt) && length(net$known) > reachable(net)) doubt_all(net)
  if (is.null(net$doubt)) {
    find_unheard(state)
    return(see_to_absence(state))
  }
  answered <- sum(vapply(net$known, function(machine) machine$has_answered, NA))
  is_known <- answered >= reachable(net)
  if (!is_known && net$clock - net$doubt <= seconds_of_step(net) + net$timeout) return()
  net$doubt <- NULL
  for (machine in net$known) {
    if (!machine$has_answered && !machine$is_lost) lose_machine(machine, state)
  }
  lose_items(net$orphans, NULL, state)
  net$orphans <- numeric()
}

# One that has items and no step, since it ended between two of them. As long as a daemon has come
# of which nothing is known yet, their number doesn't tell.
find_unheard <- function(state) {
  net <- state$net
  if (length(net$known) >= connections(net$profile)) return()
  since <- net$clock - 2 * seconds_of_step(net) - net$timeout
  for (machine in net$known) {
    is_late <- machine$heard < since && machine$undone > 0
    if (is_late && length(net$sent$tasks) > 0L && !is_queue_long(net)) lose_machine(machine, state)
  }
}

# Other work than this call's has the machines.
is_queue_long <- function(net) info_of(net$profile)[["awaiting"]] > 0L

lose_machine <- function(machine, state) {
  net <- state$net
  machine$is_lost <- TRUE
  net$known[[machine$id]] <- NULL
  net$dropped <- c(net$dropped, machine$id)
  net$gone <- c(net$gone, label_of_machine(machine))
  if (!is.null(machine$lane)) call_note_machine_end(state$handle, machine$lane, "crash")
  lose_items(which(net$owner == machine$number), machine, state)
}

# They are run again elsewhere, unless that has been tried, some of their results have been
# delivered, or it isn't wanted.
lose_items <- function(items, machine, state) {
  net <- state$net
  if (length(items) == 0L) return()
  again <- !(net$tried[items] %in% TRUE | net$begun[items] %in% TRUE) & net$lost_items == "again"
  net$tried[items] <- TRUE
  net$twice <- c(net$twice, items[again])
  give_again(items[again], net)
  for (item in items[!again]) strand_item(item, machine, state)
}

strand_item <- function(item, machine, state) {
  net <- state$net
  net$owner[item] <- -1L
  net$over <- net$over + 1
  lane <- if (is.null(machine)) -1L else lane_of(machine, state)
  call_strand(state$handle, item, list(host = machine$host, pid = machine$pid), lane)
}

# Without any daemon for too long the call is over.
see_to_absence <- function(state) {
  net <- state$net
  info <- info_of(net$profile)
  if (!mirai::daemons_set(net$profile)) {
    fail_call(new_machine_error("the daemons of its profile were ended"), state)
  } else if (reachable(net) > 0L && !is_stuck(info)) {
    net$deserted <- net$clock
  } else if (net$clock - net$deserted > net$timeout) {
    fail_call(new_machine_error(words_of_absence(info)), state)
  }
}

words_of_absence <- function(info) {
  if (info[["connections"]] == 0L) "no daemon is connected any more"
  else "no daemon that is connected answers or takes work any more"
}
