# The daemon's side of a call on several machines: steps of it that a session sends. Each one gives
# items to a pool of workers that lives from step to step, and answers with what has come of these
# and of earlier ones. What is kept between steps is in `the`: calls that are underway, what they
# need of their sessions, and pieces of that on their way.

the$served <- list()
the$kept <- list()
the$coming <- list()

# Answers a step, see new_step(). An interrupt, by which a session cancels the step, ends the items
# of its call; what they had finished comes with the answer to the next one.
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
  has <- has_kept(step$needs) || is_served(step$call)
  c(who_answers(), list(has = has, wants = wanted_byte(step$needs)), answer)
}

# It comes once to each machine, so it isn't over at once where others can be free for it.
hold_step <- function(step, began) {
  if (is.null(step$round)) return()
  least <- if (identical(step$round, the$heard)) step$again else step$hold
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

# A piece that comes twice, or too early, is none. Where it can't be written as a whole, or an
# interrupt comes meanwhile, all of them have to come again.
take_piece <- function(piece, needs) {
  if (is.null(piece) || has_kept(needs) || piece$from != wanted_byte(needs)) return()
  coming <- the$coming[[needs$hash]]
  if (is.null(coming)) coming <- list(path = tempfile("lomp-needs-"), bytes = 0)
  is_whole <- FALSE
  on.exit(if (!is_whole) drop_coming(needs$hash))
  coming$bytes <- coming$bytes + length(piece$bytes)
  the$coming[[needs$hash]] <- coming
  append_bytes(coming$path, piece$bytes, coming$bytes)
  if (coming$bytes >= needs$bytes) keep_what_came(needs)
  is_whole <- coming$bytes < needs$bytes
}

# The file has so many bytes then.
append_bytes <- function(path, bytes, all) {
  file <- file(path, "ab")
  on.exit(close(file))
  writeBin(bytes, file)
  flush(file)
  if (file.size(path) == all) return()
  stop(sprintf("a call's data can't be written to %s: is there room on the disk?", dirname(path)))
}

keep_what_came <- function(needs) {
  make_room(needs$bytes)
  value <- received_constants(the$coming[[needs$hash]]$path)
  the$kept[[needs$hash]] <- list(value = value, bytes = needs$bytes)
}

drop_coming <- function(hash) {
  unlink(the$coming[[hash]]$path)
  the$coming[[hash]] <- NULL
}

# The last one that was used is at the end.
make_room <- function(bytes) {
  most <- byte_option("lomp.kept_bytes", 4 * 2^30, may_be_zero = TRUE)
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

is_served <- function(call) !is.null(the$served[[call]])

do_step <- function(step) {
  if (!is_served(step$call)) {
    if (!has_kept(step$needs)) return(list(took = FALSE))
    if (is.null(step$block)) return(idle_step(step))
  } else if (the$served[[step$call]]$is_cancelled) {
    return(c(list(took = FALSE), end_served(step$call)))
  }
  # mirai sets options back after each task.
  before <- options(warn = step$settings$warn)
  on.exit(options(before))
  served <- tryCatch(served_of(step), error = conditionMessage)
  if (is.character(served)) return(list(took = FALSE, undone = 0, failed = served))
  answer <- advance_served(served, step)
  if (answer$is_over) close_served(step$call)
  c(list(took = TRUE), answer)
}

# The call that the step is one of, with what it has attached in its session.
served_of <- function(step) {
  if (!is_served(step$call)) the$served[[step$call]] <- open_served(step)
  served <- the$served[[step$call]]
  attach_quietly(served$packages)
  served
}

# A step that is cancelled ends the items.
advance_served <- function(served, step) {
  is_done <- FALSE
  on.exit(if (!is_done) cancel_served(served))
  returned <- if (step$gives_back) take_back(served)
  add_block(served, step$block)
  answer <- if (is_wanted(step, served)) collect_served(served, step) else keep_served(served, step)
  is_done <- TRUE
  served$answers <- served$answers + 1
  c(answer, list(returned = returned, nth = served$answers))
}

cancel_served <- function(served) {
  served$is_cancelled <- TRUE
  call_stop(served$state$handle)
}

# The session has no room for results of others than one item?
is_wanted <- function(step, served) is.null(step$only) || step$only %in% served$items

# Nothing is read from the workers, so that they wait as soon as pipes are full. The session may
# have room soon.
keep_served <- function(served, step) {
  began <- elapsed()
  Sys.sleep(step$seconds / 5)
  list(is_over = FALSE, seconds = elapsed() - began, workers = served$workers)
}

is_idle <- function(rows) rows$undone == 0 && length(rows$item) == 0L

# There is nothing to do here, and the next step would come to this machine again, not to one that
# has something to say.
idle_step <- function(step) {
  began <- elapsed()
  Sys.sleep(step$seconds)
  list(took = TRUE, undone = 0, is_over = TRUE, seconds = elapsed() - began)
}

collect_served <- function(served, step) {
  began <- elapsed()
  rows <- call_collect(served$state$handle, step$seconds, step$bytes, step$low)
  if (is_idle(rows) && is.null(step$block)) Sys.sleep(max(0, step$seconds - elapsed() + began))
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
  served$answers <- 0
  served$is_cancelled <- FALSE
  plan <- served_plan(step$settings, needs)
  served$workers <- plan$workers
  frame <- served_frame(needs, plan$outlet)
  served$state <- open_call(plan, frame)
  served$state$served <- served
  served
}

# One that has failed in the session fails where it is used; one that was left out there is so here.
as_argument <- function(value) {
  if (inherits(value, "lomp_failed_argument")) return(call("stop", value[[1L]]))
  if (inherits(value, "lomp_no_argument")) return(quote(expr = )) # nolint: spaces_inside_linter.
  if (is.language(value)) enquote(value) else value
}

frame_of_dots <- function(...) environment()

# What a call's items are evaluated in, as lomp_map() has it: X, FUN, further arguments and `emit`.
# Those may have any name, so nothing else is an argument of its function's.
served_frame <- function(needs, outlet) {
  frame <- do.call(frame_of_dots, lapply(needs$dots, as_argument))
  assign("X", NULL, envir = frame)
  assign("FUN", needs$f, envir = frame)
  if (!is.null(outlet)) assign("emit", new_emit(outlet), envir = frame)
  frame
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
    call = new_call(goes_on = FALSE, outlasts = TRUE),
    item_call = if (settings$emits) emitting_call else item_call
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

# The items that no worker has begun yet, which are none of this machine's any more: those that
# workers have in store, and the last ones.
take_back <- function(served) {
  n <- left_in_queue(served)
  stored <- served$items[call_take_back(served$state$handle)]
  items <- utils::tail(served$items, n)
  served$items <- utils::head(served$items, length(served$items) - n)
  served$blocks <- list()
  c(stored, items)
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
  if (is.null(served)) return(list(is_over = TRUE))
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
