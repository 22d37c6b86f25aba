# The daemon's side of a call on several machines: steps of it that a session sends. Each one gives
# items to a pool of workers that lives from step to step, and answers with what has come of these
# and of earlier ones. What is kept between steps is in `the`: calls that are underway, what they
# need of their sessions, and pieces of that on their way.

the$served <- list()
the$kept <- list()
the$coming <- list()

# Answers a step, see new_step(). An interrupt, by which a session cancels the step, ends the items
# of its call; what they had finished is given to the last step of the call.
answer_step <- function(step) {
  began <- elapsed()
  on.exit(hold_step(step, began))
  if (step$lomp != own_version()) return(refuse_step(step))
  close_others(step$open)
  if (step$kind == "look") return(tell_kept(step))
  if (who_answers()$id %in% step$dropped) drop_served(step$call)
  take_piece(step$piece, step$needs)
  answer <- switch(step$kind,
    hello = list(),
    items = do_step(step),
    last = end_served(step$call)
  )
  c(who_answers(), list(has = has_kept(step$needs), wants = wanted_byte(step$needs)), answer)
}

# It comes once to each machine, so it isn't over at once where others can be free for it.
hold_step <- function(step, began) {
  if (is.null(step$round)) return()
  least <- if (identical(step$round, the$heard)) 0.1 else step$hold
  the$heard <- step$round
  Sys.sleep(max(0, least - (elapsed() - began)))
}

# To look it up takes as long as a small step.
own_version <- function() {
  if (is.null(the$version)) the$version <- as.character(utils::packageVersion("lomp"))
  the$version
}

# Another session's lomp may know steps of another kind. The session hears of that once; a step that
# comes nevertheless takes its time, since the next one would come at once.
refuse_step <- function(step) {
  if (step$kind == "items") Sys.sleep(step$seconds)
  c(who_answers(), list(problem = "version"))
}

# A machine is a process: one that comes after it under the same number is another one.
who_answers <- function() {
  if (is.null(the$machine)) the$machine <- new_machine()
  the$machine
}

new_machine <- function() {
  host <- Sys.info()[["nodename"]]
  began <- format(as.numeric(Sys.time()), digits = 20)
  list(id = paste(host, Sys.getpid(), began), host = host, pid = Sys.getpid(),
       lomp = own_version(), R = as.character(getRversion()), workers = machine_workers(NULL))
}

# A machine's own number of workers, if the session doesn't say another one.
machine_workers <- function(workers) {
  if (is.null(workers)) max(1L, lomp_workers()) else workers
}

# ---- What a call needs of its session -----------------------------------------------------------

has_kept <- function(needs) needs$hash %in% names(the$kept)

# The first byte of it that hasn't come.
wanted_byte <- function(needs) {
  coming <- the$coming[[needs$hash]]
  if (has_kept(needs)) needs$bytes else if (is.null(coming)) 0 else coming$bytes
}

# A piece that comes twice, or too early, is none.
take_piece <- function(piece, needs) {
  if (is.null(piece) || has_kept(needs) || piece$from != wanted_byte(needs)) return()
  coming <- the$coming[[needs$hash]]
  if (is.null(coming)) coming <- list(path = tempfile("lomp-needs-"), bytes = 0)
  append_bytes(coming$path, piece$bytes)
  coming$bytes <- coming$bytes + length(piece$bytes)
  the$coming[[needs$hash]] <- coming
  if (coming$bytes >= needs$bytes) keep_what_came(needs)
}

append_bytes <- function(path, bytes) {
  file <- file(path, "ab")
  on.exit(close(file))
  writeBin(bytes, file)
}

keep_what_came <- function(needs) {
  path <- the$coming[[needs$hash]]$path
  on.exit({
    unlink(path)
    the$coming[[needs$hash]] <- NULL
  })
  make_room(needs$bytes)
  the$kept[[needs$hash]] <- list(value = received_constants(path), bytes = needs$bytes)
}

# The last one that was used is at the end.
make_room <- function(bytes) {
  most <- byte_option("lomp.kept_bytes", 4 * 2^30)
  while (length(the$kept) > 0L && bytes + kept_bytes() > most) the$kept[[1L]] <- NULL
}

kept_bytes <- function() sum(vapply(the$kept, function(kept) kept$bytes, 0))

use_kept <- function(hash) {
  kept <- the$kept[[hash]]
  the$kept[[hash]] <- NULL
  the$kept[[hash]] <- kept
  kept$value
}

tell_kept <- function(step) {
  if (step$forget) forget_kept()
  c(who_answers(), list(kept = kept_bytes()))
}

forget_kept <- function() {
  for (coming in the$coming) unlink(coming$path)
  the$kept <- the$coming <- list()
}

# ---- Steps --------------------------------------------------------------------------------------

do_step <- function(step) {
  if (!has_kept(step$needs)) return(list(took = FALSE))
  if (is.null(the$served[[step$call]])) {
    if (is.null(step$block)) return(idle_step(step))
    the$served[[step$call]] <- open_served(step)
  }
  served <- the$served[[step$call]]
  attach_quietly(served$packages)
  returned <- if (step$gives_back) take_back(served)
  add_block(served, step$block)
  answer <- collect_served(served, step)
  if (answer$is_over) close_served(step$call)
  c(list(took = TRUE, returned = returned), answer)
}

is_idle <- function(rows) rows$undone == 0 && length(rows$item) == 0L

# There is nothing to do here, and the next step would come to this machine again, not to one that
# has something to say.
idle_step <- function(step) {
  began <- elapsed()
  Sys.sleep(step$seconds)
  list(took = TRUE, undone = 0, is_over = TRUE, seconds = elapsed() - began)
}

# A step that is cancelled ends the items.
collect_served <- function(served, step) {
  began <- elapsed()
  is_done <- FALSE
  on.exit(if (!is_done) call_stop(served$state$handle))
  rows <- call_collect(served$state$handle, step$seconds, step$bytes, step$low)
  if (is_idle(rows) && is.null(step$block)) Sys.sleep(max(0, step$seconds - elapsed() + began))
  is_done <- TRUE
  fatal <- served$state$failures$all()
  if (length(fatal) > 0L) served$problem <- conditionMessage(fatal[[1L]])
  list(
    rows = with_items(rows, served), undone = rows$undone + left_in_queue(served),
    is_over = rows$is_over, seconds = elapsed() - began, workers = served$workers,
    failed = served$problem
  )
}

# The rows' items, by the numbers that the session has for them.
with_items <- function(rows, served) {
  rows$item <- served$items[rows$item]
  rows
}

# A call of this process's own, of items that it is given one after the other.
open_served <- function(step) {
  needs <- use_kept(step$needs$hash)
  attach_quietly(needs$packages)
  served <- new.env(parent = emptyenv())
  served$packages <- needs$packages
  served$blocks <- list()
  served$items <- numeric()
  plan <- served_plan(step$settings, needs)
  served$workers <- plan$workers
  options(warn = step$settings$warn)
  frame <- do.call(served_frame, c(list(needs$f, plan$outlet), lapply(needs$dots, as_argument)))
  served$state <- open_call(plan, frame)
  served$state$served <- served
  served
}

# One that has failed in the session fails where it is used.
as_argument <- function(value) {
  if (inherits(value, "lomp_failed_argument")) return(call("stop", value[[1L]]))
  if (is.language(value)) enquote(value) else value
}

# What a call's items are evaluated in, as lomp_map() has it: X, FUN, further arguments and `emit`.
served_frame <- function(FUN, outlet, ...) { # nolint: object_name_linter.
  X <- NULL # nolint: object_name_linter, object_usage_linter.
  if (!is.null(outlet)) emit <- new_emit(outlet) # nolint: object_usage_linter.
  environment()
}

served_plan <- function(settings, needs) {
  value <- if (!is.null(needs$prototype)) {
    list(prototype = needs$prototype, is_vector = FALSE, takes_names = FALSE)
  }
  list(
    n = NA_real_, workers = machine_workers(settings$workers), on_error = "collect",
    timeout = settings$timeout, progress = FALSE, progress_given = FALSE,
    keep_connections = settings$keep_connections, buffer = settings$buffer, worker_memory = 0,
    frames = settings$frames, backlog = 0, trace_rows = 0, harmless = settings$harmless,
    is_map = FALSE, ordered = FALSE, emits = settings$emits, value = value,
    outlet = if (settings$emits) outlet_new(), is_numbered = TRUE, is_single = settings$is_single,
    is_served = TRUE, retries_dots = FALSE, random = list(seed = settings$seed, pays = FALSE),
    call = new_call(), item_call = if (settings$emits) emitting_call else item_call
  )
}

# Where the session had them attached its function finds what they export.
attach_quietly <- function(packages) suppressPackageStartupMessages(attach_packages(packages))

# ---- Items --------------------------------------------------------------------------------------

# list(items = , numbers = , values = ): an item's number in the session, its position among all
# items of the call, by which it draws random numbers, and what it is. Workers get them in this
# order, by which is told what comes of them.
add_block <- function(served, block) {
  if (is.null(block)) return()
  block$items <- all_of_range(block$items)
  if (is.null(block$numbers)) block$numbers <- block$items
  block$at <- 1
  served$items <- c(served$items, block$items)
  served$blocks <- c(served$blocks, list(block))
}

left_in_queue <- function(served) {
  sum(vapply(served$blocks, function(block) length(block$items) - block$at + 1, 0))
}

# The items that no worker has got yet, the last ones, which are none of this machine's any more.
take_back <- function(served) {
  n <- left_in_queue(served)
  items <- utils::tail(served$items, n)
  served$items <- utils::head(served$items, length(served$items) - n)
  served$blocks <- list()
  items
}

# On the event "request": gives a worker items of the first block, as many as it takes.
feed_served <- function(event, state) {
  served <- state$served
  on.exit(call_post(state$handle, event$item, FALSE))
  if (length(served$blocks) == 0L) return(FALSE)
  block <- served$blocks[[1L]]
  given <- call_give_some(state$handle, event$item, block$values, block$numbers, block$at,
                          event$value)
  served$blocks[[1L]]$at <- block$at + given
  if (block$at + given > length(block$items)) served$blocks[[1L]] <- NULL
  NULL
}

# ---- Its end ------------------------------------------------------------------------------------

# What has come until now comes with the answer, and nothing more.
end_served <- function(call) {
  served <- the$served[[call]]
  if (is.null(served)) return(list(took = TRUE, is_over = TRUE))
  on.exit(close_served(call))
  served$blocks <- list()
  call_settle(served$state$handle)
  collect_served(served, list(seconds = 0, bytes = Inf, low = 0))
}

close_served <- function(call) {
  call_close(the$served[[call]]$state$handle)
  the$served[[call]] <- NULL
}

drop_served <- function(call) if (!is.null(the$served[[call]])) close_served(call)

# A session that has lost sight of this machine, or left a call by a jump, has it no more.
close_others <- function(open) {
  for (call in setdiff(names(the$served), open)) close_served(call)
}
