# The one driver of a call. lomp_map() and lomp_iterate() differ in where results go (a list, or a
# queue that the caller empties), calls with and without workers in what runs the items. All else is
# here: opening, what isn't a result, and what follows from a failure.

# What a call knows beside its plan, apart from what its items need, so that these data can go when
# it has ended. `how` an iterator has ended is "finished", "failed", "closed" or "interrupted".
new_state <- function(plan) {
  state <- new.env(parent = emptyenv())
  state$plan <- plan
  state$failures <- new_bag()
  state$process <- the$process
  state$source_ended <- FALSE
  state$pulled <- NULL
  state$source_closed <- FALSE
  state$is_gathered <- plan$is_map
  state$is_quiet <- FALSE
  state$how <- NULL
  state$wake <- NULL
  state$is_closed <- FALSE
  state$hold <- NULL
  state$has_paid <- FALSE
  state$progress <- new_progress(plan, plan$n)
  state
}

# A list that grows, and that outlives the jump out of the function that adds to it.
new_bag <- function() {
  things <- list()
  list(
    add = function(thing) things[[length(things) + 1L]] <<- thing,
    n = function() length(things),
    all = function() things
  )
}

open_call <- function(plan, frame) {
  state <- new_state(plan)
  if (is_remote(plan)) {
    state$net <- meet_machines(plan, frame)
  } else if (plan$workers > 0L) {
    note_session()
    ready_frame(frame)
  }
  if (!plan$is_map) begin_progress(state)
  state$handle <- call_open(call_settings(state, frame), results_to_fill(plan))
  # Nobody else has the call yet: its workers would live until the next collection.
  is_open <- FALSE
  on.exit(if (!is_open) close_call(state))
  if (is_traced(plan)) {
    the$traced <- state$traced <- new_traced(plan, call_trace(state$handle), state$net$lanes)
  }
  if (!is.null(state$net)) note_lanes(state)
  stop_by(plan$call, stopper(state))
  is_open <- TRUE
  state
}

# Tells whether an item has drawn random numbers.
close_call <- function(state) {
  drawn <- call_close(state$handle)
  if (!is.null(state$net)) leave_net(state$net)
  drawn
}

# What an interrupt does. All that an iterator's workers have finished is here when it returns.
stopper <- function(state) {
  force(state)
  stop <- if (state$plan$is_map || state$plan$workers == 0L) call_stop else call_settle
  function() stop(state$handle)
}

# What C++ and the workers know of a call, by these names: see src/call/settings.h. `items` is NA
# where they are produced; `tick` is in seconds, 0 for none; `buffer`, `backlog` and
# `worker_memory` are in bytes, 0 of the last for as much as there is. With `is_numbered` a produced
# item is list(number, value), since it is a part of another call, whose item has that number; with
# `is_single` each value is its item's one result, though it goes into a queue.
call_settings <- function(state, frame) {
  plan <- state$plan
  list(
    items = items_to_run(plan), workers = plan$workers, is_remote = is_remote(plan),
    is_list = plan$is_map, is_ordered = plan$ordered, buffer = plan$buffer,
    backlog = if (plan$is_map) plan$backlog else 0,
    tick = tick_of(state$progress), timeout = plan$timeout, worker_memory = plan$worker_memory,
    keep_connections = plan$keep_connections, harmless = plan$harmless,
    frame = frame, item_call = plan$item_call, hooks = item_hooks(state), limit = limit_call(plan),
    outlet = plan$outlet, seed = plan$random$seed, numbers = plan$redo$todo,
    trace_rows = if (is_traced(plan)) plan$trace_rows else NA,
    checkpoint = plan$checkpoint$handle,
    value = plan$value$prototype, is_vector = goes_into_vector(plan),
    is_numbered = isTRUE(plan$is_numbered), is_single = isTRUE(plan$is_single),
    takes_names = plan$value$takes_names, on_event = new_handler(state), look = new_look(plan$call)
  )
}

# It outlives the frame.
new_handler <- function(state) {
  force(state)
  function(event) suspendInterrupts(on_event(event, state))
}

# ---- Events -------------------------------------------------------------------------------------

# What isn't a result. NULL goes on; list(value) gives a value to an iterator's caller; FALSE leaves
# the iterator, which hears then that it has "ended". Before it is left otherwise it hears "rest",
# if it has heard a "tick" by then. Interrupts are held back.
on_event <- function(event, state) {
  switch(event$kind,
    request = if (is.null(state$served)) feed_worker(event, state) else feed_served(event, state),
    machines = attend_machines(event, state),
    step = run_step(state),
    drawn = if (pays_on_the_way(state$plan)) pay_iterator(state, TRUE),
    condition = ,
    output = say_from_item(event, state),
    tick = tell_progress(state, event$value),
    rest = rest_progress(state),
    ended = conclude_iterator(state),
    exhausted = fail_call(new_fork_error(event$value, state$plan), state),
    fail_call(with_host(failure_of(event, state$plan), event, state), state)
  )
}

begin_progress <- function(state) if (!is.null(state$progress)) state$progress$begin()

tell_progress <- function(state, is_waiting) {
  progress <- state$progress
  if (is.null(progress) || state$is_quiet) return(NULL)
  progress$update(call_summary(state$handle)$done, state$failures$n(), is_waiting)
  NULL
}

# The consumer's code goes on, which may print: there is a bar only while a result is waited for.
# Whether there was one.
rest_progress <- function(state) !is.null(state$progress) && state$progress$rest()

say_from_item <- function(event, state) {
  if (state$is_quiet) return(NULL)
  item <- item_at(event$item, state$plan)
  heed_interrupts(say_again(event, item, state$progress), state$plan$call)
  NULL
}

failure_of <- function(event, plan) {
  item <- item_at(event$item, plan)
  switch(event$kind,
    failure = new_item_error(item, event$value, plan),
    unread = new_item_error(item, unread_result(event$value), plan),
    unsent = new_item_error(item, unsent_item(), plan),
    lost = new_crash(item, event$value, plan),
    stranded = new_stranded(item, event$value, plan)
  )
}

# Where the item has failed.
with_host <- function(failure, event, state) {
  host <- unname(state$net$hosts[as.character(event$item)])
  if (length(host) == 1L && !is.na(host)) failure$host <- host
  failure
}

# For want of memory, as a rule. `cnd` is NULL where a handler of the caller's has left the call
# while a result was being read.
unread_result <- function(cnd) {
  why <- if (is.null(cnd)) "a handler has left the call meanwhile" else conditionMessage(cnd)
  message <- paste("its result can't be read here:", why)
  describe_failure(simpleError(message), NULL)
}

unsent_item <- function() {
  describe_failure(simpleError("the item can't be sent: there is no memory or file for it"), NULL)
}

# With "stop" the other workers end at once; what they had finished until then still comes, and
# failures are among it. Where order matters, all that comes before has come, and the rest is in the
# error.
fail_call <- function(failure, state) {
  state$failures$add(failure)
  plan <- state$plan
  is_fatal <- is.na(failure$item)
  if (plan$on_error == "collect" && !is_fatal) return(if (!plan$is_map) list(failure))
  plan$call$fate$how <- "failed"
  call_stop(state$handle)
  if (plan$ordered && !is_fatal && !state$is_gathered) FALSE
}

# The caller's own code hears of the end.
tell_of_end <- function(state) {
  progress <- state$progress
  state$progress <- NULL
  if (!is.null(progress)) progress$end(call_summary(state$handle)$done, state$failures$n())
  close_source(state)
}
